"""The topology file and the registry of contracts belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from contracts.registry import SERVICES, TOPICS
from messaging.topology import Topology, TopologyInvalid, dead_letter_subscription, dead_letter_topic

FILE = Path(__file__).resolve().parents[3] / "deploy" / "topology.yaml"
PUSH_URLS = {"credential-vault": "https://vault.example.com/", "retention": "https://retention.example.com"}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return Topology.load(FILE)


def changed(tmp_path: Path, change: str) -> Path:
    """The real file with one line of Python applied to it."""
    content = yaml.safe_load(FILE.read_text())
    exec(change, {"file": content})  # noqa: S102 - the changes stand below
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_its_services_are_the_registrys(topology: Topology) -> None:
    assert set(topology.services) == set(SERVICES)


def test_every_topic_has_a_listener_and_every_listener_a_topic(topology: Topology) -> None:
    assert {one.topic for one in topology.subscriptions if one.dead_letter_topic} == set(TOPICS)


@pytest.mark.parametrize("service", ["ingest", "analysis"])
def test_only_the_vault_hears_requests_and_only_the_requester_hears_grants(topology: Topology, service: str) -> None:
    listeners = {
        topic: [one.service for one in topology.subscriptions if one.topic == topic]
        for topic in (f"credential-requests-{service}", f"credential-grants-{service}")
    }
    assert list(listeners.values()) == [["credential-vault"], [service]]


def test_nobody_listens_to_its_own_topic_except_the_audit_log(topology: Topology) -> None:
    own = {
        one.name
        for one in topology.subscriptions
        if one.topic in TOPICS and one.service in TOPICS[one.topic].publishers and one.topic != "audit"
    }
    # It erases its own part last, when the others have told of theirs.
    assert own == {"audit.erasure-receipts"}


def test_modes_and_names(topology: Topology) -> None:
    assert {one.mode for one in topology.of("audit")} == {"pull"}
    assert {one.mode for one in topology.of("retention")} == {"push"}
    assert [one.name for one in topology.of("credential-vault", "push")] == [
        "credential-vault.workspaces",
        "credential-vault.credential-requests-ingest",
        "credential-vault.credential-requests-analysis",
        "credential-vault.credential-requests-audit",
        "credential-vault.erasure",
        "credential-vault.person-erasures",
        "credential-vault.dead-letters",
    ]


def test_dead_letters_have_a_topic_and_a_subscription_a_service_and_no_dead_letters_of_their_own(
    topology: Topology,
) -> None:
    for service in SERVICES:
        dead = next(one for one in topology.of(service) if one.name == dead_letter_subscription(service))
        assert (dead.topic, dead.dead_letter_topic) == (dead_letter_topic(service), "")
        assert all(one.dead_letter_topic == dead.topic for one in topology.of(service) if one is not dead)


def test_the_plan_names_everything_in_full(topology: Topology) -> None:
    plan = topology.plan("p", PUSH_URLS)
    assert len(plan.topics) == len(TOPICS) + len(SERVICES)
    pushed = next(one for one in plan.subscriptions if one.path.endswith("/retention.workspaces"))
    assert pushed.path == "projects/p/subscriptions/retention.workspaces"
    assert pushed.topic_path == "projects/p/topics/workspaces"
    assert pushed.dead_letter_topic_path == "projects/p/topics/dead-letters-retention"
    assert pushed.push_endpoint == "https://retention.example.com/events/retention.workspaces"
    assert (pushed.push_audience, pushed.push_account) == (
        "https://retention.example.com",
        "pubsub-push@p.iam.gserviceaccount.com",
    )


def test_access_follows_the_registry(topology: Topology) -> None:
    access = topology.access("p")
    assert access.publishers["projects/p/topics/calls"] == {"ingest@p.iam.gserviceaccount.com"}
    assert len(access.publishers["projects/p/topics/audit"]) == len(SERVICES)
    assert access.consumers["projects/p/subscriptions/analysis.calls"] == {"analysis@p.iam.gserviceaccount.com"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("file['services']['audit']['topics'].append('gossip')", "gossip"),
        ("file['exceptions']['audit.gossip'] = {}", "audit.gossip"),
        ("file['services']['audit']['mode'] = 'carrier pigeon'", "mode"),
        ("file['defaults']['max_attempts'] = 4", "max_attempts"),
        ("file['surprise'] = 1", "surprise"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_the_place_is_told(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(TopologyInvalid, match=told):
        Topology.load(changed(tmp_path, change))


def test_an_exception_changes_one_subscription(tmp_path: Path) -> None:
    path = changed(tmp_path, "file['exceptions']['audit.workspaces'] = {'mode': 'push', 'max_attempts': 7}")
    subscriptions = {one.name: one for one in Topology.load(path).subscriptions}
    assert (subscriptions["audit.workspaces"].mode, subscriptions["audit.workspaces"].max_attempts) == ("push", 7)
    assert subscriptions["audit.audit"].mode == "pull"

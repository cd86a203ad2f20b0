"""Who may do what on Google Cloud: what the code needs, and nothing more."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from architecture.terraform.configuration import REPEATED, Configuration, Grant, console, grants, read
from contracts.registry import SERVICES, TOPICS
from house.facts import BY_OPERATORS, FILE, facts
from local.stack.environment import SECRET_ADDERS, SECRET_READERS
from messaging.topology import Topology, dead_letter_topic

ACCESSOR, ADDER = "roles/secretmanager.secretAccessor", "roles/secretmanager.secretVersionAdder"
PUBLISHER, SUBSCRIBER = "roles/pubsub.publisher", "roles/pubsub.subscriber"
FACTS = facts()
TOPOLOGY = Topology.load(FILE.parents[1] / "topology.yaml")
PUBSUB = "local.pubsub_agent"


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read()


def account(service: str) -> str:
    return f'google_service_account.service["{service}"].member'


def topic(name: str) -> str:
    return f'google_pubsub_topic.topic["{name}"].name'


def subscription(name: str) -> str:
    return f'google_pubsub_subscription.subscription["{name}"].name'


def secret(name: str) -> str:
    return f'google_secret_manager_secret.secret["{name}"].id'


def wanted_on_messages() -> set[Grant]:
    """From the registry and the topology, without going by way of the facts."""
    wanted = {Grant(PUBLISHER, account(who), topic(one.name)) for one in TOPICS.values() for who in one.publishers}
    for one in TOPOLOGY.subscriptions:
        if one.mode == "pull":
            wanted.add(Grant(SUBSCRIBER, account(one.service), subscription(one.name)))
        if one.dead_letter_topic:
            wanted.add(Grant(SUBSCRIBER, PUBSUB, subscription(one.name)))
    return wanted | {Grant(PUBLISHER, PUBSUB, topic(dead_letter_topic(service))) for service in SERVICES}


def wanted_on_secrets() -> set[Grant]:
    wanted = {Grant(ACCESSOR, account(who), secret(name)) for name, whose in SECRET_READERS.items() for who in whose}
    wanted |= {
        Grant(ADDER, account(who), secret(name))
        for name, whose in SECRET_ADDERS.items()
        if name not in BY_OPERATORS
        for who in whose
    }
    owners = {f"{service}-owner-database-url": service for service in SERVICES}
    wanted |= {
        Grant(ACCESSOR, f'google_service_account.migrate["{service}"].member', secret(name))
        for name, service in owners.items()
    }
    return wanted | {Grant(ADDER, "var.operators", secret(name)) for name in [*SECRET_READERS, *owners]}


def wanted_elsewhere() -> set[Grant]:
    """Objects, keys, the database, other accounts: written out by hand, for there are few."""
    user, crypto = "roles/storage.objectUser", "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    found = {Grant(user, account(who), "google_storage_bucket.objects.name") for who in ("ingest", "analysis")}
    # The ledger of erasures is added to and read, never changed.
    for role in ("roles/storage.objectCreator", "roles/storage.objectViewer"):
        found.add(Grant(role, account("retention"), "google_storage_bucket.ledger.name"))
    # Evidence is put there by whoever proves, and read by the service that shows it.
    evidence = "google_storage_bucket.evidence.name"
    found |= {Grant(user, "var.prover", evidence), Grant("roles/storage.objectViewer", account("retention"), evidence)}
    agents = {"databases": "local.database_agent", "objects": "local.storage_agent", "messages": PUBSUB}
    found |= {Grant(crypto, who, f'google_kms_crypto_key.data["{key}"].id') for key, who in agents.items()}
    found.add(
        Grant(
            crypto,
            "serviceAccount:service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com",
            'google_kms_crypto_key.data["secrets"].id',
        )
    )
    unwrap = "roles/cloudkms.cryptoKeyDecrypter"
    found.add(Grant(unwrap, account("credential-vault"), "google_kms_crypto_key.keyset.id"))
    creator = "roles/iam.serviceAccountTokenCreator"
    found.add(Grant(creator, PUBSUB, "google_service_account.push.name"))
    found.add(
        Grant("roles/iam.serviceAccountOpenIdTokenCreator", "var.operators", "google_service_account.operator.name")
    )
    vaults = 'google_cloud_run_v2_job.operate["credential-vault"].name'
    found.add(Grant("roles/run.jobsExecutorWithOverrides", "google_service_account.backup.member", vaults))
    for service in SERVICES:
        sweep = f'google_service_account.sweep["{service}"]'
        found.add(Grant(creator, account(service), f"{sweep}.name"))
        for role in ("roles/cloudsql.client", "roles/cloudsql.instanceUser"):
            found |= {Grant(role, who, "var.project") for who in (account(service), f"{sweep}.member")}
        for role in ("roles/telemetry.tracesWriter", "roles/telemetry.metricsWriter"):
            found.add(Grant(role, account(service), "var.project"))
        for job in ("operate", "migrate"):
            name = f'google_cloud_run_v2_job.{job}["{service}"].name'
            found.add(Grant("roles/run.jobsExecutorWithOverrides", "var.operators", name))
    return found


def differences(configuration: Configuration) -> tuple[set[Grant], set[Grant]]:
    """What is missing, and what is too much."""
    given = set(grants(configuration, FACTS))
    wanted = wanted_on_messages() | wanted_on_secrets() | wanted_elsewhere()
    return wanted - given, given - wanted


def test_everything_that_is_needed_is_granted_and_nothing_else(configuration: Configuration) -> None:
    missing, needless = differences(configuration)
    assert missing == set()
    assert needless == set()


def test_only_the_vault_reads_the_keyset_and_only_audit_the_key_of_its_log(configuration: Configuration) -> None:
    readers = Counter((one.target, one.member) for one in grants(configuration, FACTS) if one.role == ACCESSOR)
    for name, service in (("vault-keyset", "credential-vault"), ("audit-log-key", "audit")):
        assert [member for target, member in readers if target == secret(name)] == [account(service)]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"roles/secretmanager.secretAccessor"', '"roles/secretmanager.admin"'),
        lambda text: text.replace("for_each  = local.facts.secret_readers", "for_each  = local.facts.secret_adders"),
        lambda text: text.replace("each.value.service].member", '"audit"].member'),
        lambda text: text.replace('"roles/storage.objectUser"', '"roles/storage.objectViewer"'),
        lambda text: text.replace("if service.objects", "if !service.objects"),
    ],
    ids=["a larger role", "another list", "another account", "a smaller role", "another condition"],
)
def test_a_grant_that_is_not_right_is_found(change: Callable[[str], str]) -> None:
    try:
        missing, needless = differences(read(change=change))
    except KeyError:
        return
    assert missing | needless


def test_nobody_is_everybody_and_no_role_is_everything(configuration: Configuration) -> None:
    for words in ("allUsers", "allAuthenticatedUsers", "roles/owner", "roles/editor", "roles/viewer", "domain:"):
        assert words not in configuration.text
    whole = [one.type for one in configuration.resources if one.type.endswith(("_iam_binding", "_iam_policy"))]
    assert whole == []


def test_the_facts_are_those_of_the_code() -> None:
    assert json.loads(FILE.read_text()) == FACTS


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed on this machine")
def test_terraform_understands_each_repetition_as_these_tests_do(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text(FILE.read_text())
    (tmp_path / "main.tf").write_text(
        'locals {\n  facts = jsondecode(file("${path.module}/facts.json"))\n  services = local.facts.services\n}\n'
    )
    keys = ", ".join(
        f"[for one in sort({expression if expression.startswith('toset') else f'keys({expression})'}) : one]"
        for expression in REPEATED
    )
    assert console(tmp_path, f"jsonencode([{keys}])") == [sorted(meaning(FACTS)) for meaning in REPEATED.values()]

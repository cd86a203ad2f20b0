"""What services publish and hear in code is what they are granted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from contracts.registry import MESSAGES, REQUESTERS, SERVICES, TOPICS
from house.facts import facts
from house.projects import Project, libraries, services

KINDS = {kind.DESCRIPTOR.name: kind for kind in MESSAGES.values()}
FACTS = facts()

# ingest makes API keys and notes their uses in its own table; the others tell it, with what contracts and messaging make for them.
NOTED_AT_HOME = {("ingest", "ApiKeyUsed")}
# Written down in contracts beside what reads them, and made by audit alone.
GRANTS = {"StaffGranted", "StaffGrantEnded"}
# Acknowledged without a handler of the service's own: members, keys, grants of staff access and erasures are followed for all.
HEARD_BY_THE_RUNTIME = {"workspaces", "staff-grants", "erasure", "erasure-receipts", "person-erasures"}
# Granted already by registry and topology, used when plans in ingest are there.
AHEAD = {("ingest", "plans")}
# Written down in contracts beside what reads it, and made by those who answer: retention asks.
RECEIPTS = {"ErasureCompleted", "PersonErasureAnswered", "PersonFound"}
# And what retention alone asks for.
REQUESTS = {"PersonErasureRequested", "PersonSearchRequested"}


@cache
def made(path: Path) -> frozenset[str]:
    """Messages that a file's code makes: calls of their classes, by name."""
    return frozenset(_made(path))


def _made(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in KINDS:
                yield name


def published(service: Project) -> set[str]:
    """Messages that a service makes, or a library on its behalf."""
    sources = [*service.sources, *libraries()["messaging"].sources, *libraries()["contracts"].sources]
    left_out = (GRANTS if service.name != "audit" else set()) | (RECEIPTS if service.name == "retention" else REQUESTS)
    return {name for path in sources for name in made(path) - left_out if (service.name, name) not in NOTED_AT_HOME}


def heard(service: Project) -> set[str]:
    """The topics of `parts.consume(…)` in a service's main."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((service.folder / service.package / "main.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "consume":
            found |= set(_topics(node.args[0]))
    return found


def _topics(argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    assert isinstance(argument, ast.JoinedStr), "a topic is named in words, or for each requester"
    start = argument.values[0]
    assert isinstance(start, ast.Constant)
    assert isinstance(start.value, str)
    return [f"{start.value}{requester}" for requester in REQUESTERS]


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_publishes_it_may_and_nothing_else(name: str) -> None:
    kinds = {KINDS[one] for one in published(services()[name])}
    granted = {one["topic"] for one in FACTS["publishers"].values() if one["service"] == name}
    may = {kind for topic in granted for kind in TOPICS[topic].messages}
    assert kinds <= may
    assert {topic for topic in granted if not kinds & set(TOPICS[topic].messages)} == set()


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_hears_it_subscribes_to_and_nothing_else(name: str) -> None:
    subscribed = {
        one["topic"] for one in FACTS["subscriptions"].values() if one["service"] == name and one["dead_letter_topic"]
    }
    handled = heard(services()[name])
    assert handled <= subscribed
    ahead = {topic for service, topic in AHEAD if service == name}
    assert subscribed - handled <= HEARD_BY_THE_RUNTIME | ahead


def test_a_message_that_is_made_is_seen(tmp_path: Path) -> None:
    (tmp_path / "events.py").write_text("def tell():\n    return plans_pb2.PlanChanged(plan='x'), CallFetched()\n")
    assert made(tmp_path / "events.py") == {"PlanChanged", "CallFetched"}

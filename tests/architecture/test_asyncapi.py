"""docs/asyncapi.json describes what travels, and is what the contracts give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.registry import MESSAGES, TOPICS
from house import asyncapi
from house.asyncapi import EVENTS, FILE, document, with_table
from house.projects import ROOT
from messaging.topology import Topology


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_files_are_what_the_contracts_give(made: dict[str, Any]) -> None:
    assert json.loads(FILE.read_text()) == made
    assert with_table(EVENTS.read_text()) == EVENTS.read_text()


def test_every_topic_message_publisher_and_subscription_is_there(made: dict[str, Any]) -> None:
    assert made["channels"].keys() == TOPICS.keys()
    assert {one["name"] for one in made["components"]["messages"].values()} == MESSAGES.keys()
    for name, topic in TOPICS.items():
        assert made["channels"][name]["messages"].keys() == {kind.DESCRIPTOR.name for kind in topic.messages}
    sent = {name for name, one in made["operations"].items() if one["action"] == "send"}
    assert sent == {f"{who}.publishes.{topic.name}" for topic in TOPICS.values() for who in topic.publishers}
    subscriptions = Topology.load(ROOT / "deploy/topology.yaml").subscriptions
    received = {name for name, one in made["operations"].items() if one["action"] == "receive"}
    assert received == {one.name for one in subscriptions if one.dead_letter_topic}


def test_every_reference_leads_somewhere(made: dict[str, Any]) -> None:
    found = set(references(made))
    assert found
    for reference in found:
        place: Any = made
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_words_come_from_the_contracts(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    assert schemas["callmine.envelope.v1.Envelope"]["properties"]["workspaceId"]["description"].startswith("The Clerk")
    assert schemas["callmine.reports.v1.ReportCompleted"]["properties"]["partial"]["type"] == "boolean"
    assert schemas["callmine.envelope.v1.Envelope"]["properties"]["occurredAt"]["format"] == "date-time"
    assert schemas["callmine.plans.v1.PlanChanged"]["properties"]["models"]["type"] == "array"


def test_a_file_that_differs_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(asyncapi, "table", lambda: "| topic |")
    assert asyncapi.main(["--check"]) == 1
    assert "docs/events.md" in capsys.readouterr().err

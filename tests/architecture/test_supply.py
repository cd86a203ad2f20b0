"""What comes from other people is listed whole, with its hashes, under licences that somebody has looked at."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from house import supply
from house.locks import read_pins
from house.projects import ROOT, closure, libraries, services
from house.supply import bill, licences, unaccepted


@pytest.fixture(scope="module")
def audits() -> str:
    return bill(services()["audit"])


def test_a_bill_of_materials_is_valid_and_holds_the_lock(audits: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(audits) is None
    found: dict[str, Any] = json.loads(audits)
    pins = read_pins((ROOT / "requirements-audit.lock").read_text())
    others = {one["name"]: one for one in found["components"] if "purl" in one}
    assert {name: one["version"] for name, one in others.items()} == {name: pin.version for name, pin in pins.items()}
    assert {name: len(one["hashes"]) for name, one in others.items()} == {
        name: pin.hashes for name, pin in pins.items()
    }
    own = {one["name"].removeprefix("callmine-") for one in found["components"] if "purl" not in one}
    assert own == closure(services()["audit"], libraries()).keys()


def test_the_same_image_has_the_same_bill(audits: str) -> None:
    again = json.loads(bill(services()["audit"]))
    first = json.loads(audits)
    for one in (again, first):
        del one["metadata"]["timestamp"]
    assert again == first


def test_every_licence_has_been_looked_at() -> None:
    found = licences()
    assert len(found) > len(read_pins((ROOT / "requirements-audit.lock").read_text()))
    assert unaccepted(found) == []


def test_a_licence_that_nobody_has_looked_at_is_found() -> None:
    found = {"pydantic": {"licence": "AGPL-3.0-only", "images": "audit"}, "httpx": {"licence": "", "images": "audit"}}
    assert unaccepted(found) == ["pydantic: AGPL-3.0-only", "httpx: no licence told"]


def test_where_nobody_can_be_asked_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object, **__: object) -> socket.socket:
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    assert supply.audit() == 0
    assert "skipped" in capsys.readouterr().out


def test_advisories_are_told_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    sound: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
    silent: dict[str, Any] = {"name": "b", "skip_reason": "not found"}
    weak: dict[str, Any] = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    assert [supply.judged(found) for found in ([sound], [sound, weak], [sound, silent], [silent])] == [0, 1, 1, 0]
    told = capsys.readouterr().out
    assert "c 2: PYSEC-1" in told
    assert "could not ask about b" in told
    assert "skipped" in told

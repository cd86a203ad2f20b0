"""Every operation of docs/openapi.json against the five real services: whatever is sent, the answer is one that the document describes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contract.api.drawing import Drawing, Json
from core.ids import uuid7
from house.openapi import FILE, api_routes, apps
from isolation.elsewhere.town import Town, built
from isolation.interference.surroundings import surroundings
from isolation.interference.world import opened
from local.sandbox.clerk.people import HARBORLINE

DOCUMENT: Json = json.loads(FILE.read_text())
SEED, ROUNDS = 20_261, 12

_SERVICES = {path: service for service, app in apps().items() for path, _ in api_routes(app)}

# Retention does not know which reports there are: its routes name them otherwise than those that do.
_BELONGINGS = {"report": "report_id"}

# What paths hold beside ids; the first is there.
_PLACES = {"provider": ("gong", "hubspot", "slack", "zoom"), "number": ("1", "2", "0", "x")}

# Removal comes last: what is gone answers nothing but 404.
_ORDER = {"get": 0, "post": 1, "put": 2, "delete": 3}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    path: str
    method: str
    described: Json

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def body(self) -> Json | None:
        """The schema of its body."""
        content = self.described.get("requestBody", {}).get("content", {})
        found: Json | None = content.get("application/json", {}).get("schema")
        return found


def operations() -> list[Operation]:
    """All of them, reading before changing before removing."""
    found = [Operation(path, method, one) for path, item in DOCUMENT["paths"].items() for method, one in item.items()]
    return sorted(found, key=lambda one: (_ORDER[one.method], one.path))


@pytest.fixture(scope="module")
async def town(postgres_url: str) -> AsyncIterator[Town]:
    async with surroundings(postgres_url) as around, opened(around, "contract") as world:
        found = await built(world)
        await world.seal()
        yield found


@dataclass(slots=True)
class Driver:
    """Sends what is drawn and holds each answer against the document."""

    town: Town
    rng: Random
    # What a page of the audit log gives for asking what is new since: nobody could make it up.
    town_mark: str
    seen: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    async def drive(self, operation: Operation) -> None:
        """Everything about one operation."""
        for request in self._requests(operation):
            client = self.town.client(
                _SERVICES[operation.path], self.rng.choice(["admin", "admin", "member"]), "program"
            )
            answer = await client.request(operation.method.upper(), **request)
            self.seen[f"{operation} {answer.status_code}"] += 1
            self.problems += [f"{operation} {answer.status_code}: {one}" for one in faults(operation, answer)]

    def _requests(self, operation: Operation) -> Iterator[dict[str, Any]]:
        drawing = Drawing(self.rng, DOCUMENT["components"]["schemas"])
        for number in range(ROUNDS):
            right = number % 2 == 0
            request: dict[str, Any] = {
                "url": self._path(operation, right),
                # Now and then no more than it takes to be answered: one thing too many can be wrong by the luck of the draw.
                "params": self._query(operation, drawing, right, plain=number % 4 == 0),
            }
            headers = self._headers(operation, right)
            if operation.body is not None:
                value = drawing.value(operation.body) if right else drawing.wrong(operation.body)
                # Lone surrogates and the like cannot be sent; NaN is no JSON.
                request["content"] = json.dumps(value) if self.rng.random() < 0.95 else "{"
                headers["content-type"] = "application/json"
            yield {**request, "headers": headers}

    def _path(self, operation: Operation, right: bool) -> str:
        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name in _PLACES:
                return _PLACES[name][0] if right else self.rng.choice(_PLACES[name])
            if right:
                return self.town.mine.of(_BELONGINGS.get(name, name))
            return self.rng.choice([str(uuid7()), "no-id", "%00", "x" * 300])

        return re.sub(r"\{(\w+)\}", one, operation.path)

    def _query(self, operation: Operation, drawing: Drawing, right: bool, *, plain: bool) -> dict[str, str]:
        taken = [one for one in operation.described.get("parameters", ()) if one["in"] == "query"]
        known = {"mark": self.town_mark, "q": "price"}
        chosen = [
            one
            for one in taken
            if (right and (one["required"] or one["name"] in known)) or (not plain and self.rng.random() < 0.5)
        ]
        return {
            one["name"]: str(known.get(one["name"]) or drawing.value(one["schema"])) if right else "\x00 no"
            for one in chosen
        }

    def _headers(self, operation: Operation, right: bool) -> dict[str, str]:
        if not operation.described.get("x-idempotent") or self.rng.random() < 0.5:
            return {}
        return {"idempotency-key": str(uuid7()) if right else self.rng.choice(["", "the same one", "x" * 300])}


def faults(operation: Operation, answer: httpx.Response) -> list[str]:
    """How an answer differs from what the document says."""
    described = operation.described["responses"].get(str(answer.status_code))
    if described is None:
        return [f"is not described: {answer.text[:300]}"]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][str(answer.status_code)]
    content = described.get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not content:
        return [f"has a body of {kind}"] if answer.content else []
    if kind not in content and "application/octet-stream" not in content:
        return [f"is {kind}, described is {', '.join(content)}"]
    schema = content.get(kind, {}).get("schema") if kind == "application/json" or kind.endswith("+json") else None
    if schema is None or "application/octet-stream" in content:
        return []
    checked = {**schema, "components": DOCUMENT["components"]}
    validator = Draft202012Validator(checked, format_checker=FormatChecker())
    return [f"{list(one.absolute_path)} {one.message[:200]}" for one in validator.iter_errors(answer.json())]


async def _ask_for_erasure(town: Town) -> None:
    """For a report, and then for the whole workspace. Nothing happens for a day, in which it can be taken back."""
    [workspace] = await town.world.sql(
        "retention", "SELECT name FROM workspaces WHERE workspace_id = $1", HARBORLINE.organization_id
    )
    admin, report = town.client("retention", "admin", "program"), town.mine.report_id
    for path, body in (
        (f"/api/v1/erasure/reports/{report}", {"confirmation": report}),
        ("/api/v1/erasure", {"workspace_name": workspace["name"]}),
    ):
        asked = await admin.post(path, json=body)
        assert asked.status_code == 202, asked.text


async def test_every_answer_is_one_that_is_described(town: Town) -> None:
    page = await town.client("audit", "admin", "program").get("/api/v1/audit")
    driver = Driver(town, Random(SEED), page.json()["mark"])
    await _ask_for_erasure(town)
    for operation in operations():
        await driver.drive(operation)
    assert driver.problems == []
    answered = {one.rpartition(" ")[0] for one in driver.seen if one.endswith((" 200", " 201", " 202", " 204"))}
    reading = {str(one) for one in operations() if one.method == "get" and not one.path.endswith("/file")}
    assert reading <= answered, "each operation that reads was answered with what was asked for"
    assert {one.rpartition(" ")[2] for one in driver.seen} >= {"200", "201", "202", "204", "400", "403", "404"}


def test_what_is_not_described_is_found() -> None:
    operation = next(one for one in operations() if str(one) == "GET /api/v1/plan")
    good = {"plan": "trial", "report_window_days": 30, "monthly_calls": 50, "concurrent_runs": 1, "models": []}
    assert faults(operation, httpx.Response(200, json=good)) == []
    assert faults(operation, httpx.Response(500, json={}))
    assert faults(operation, httpx.Response(200, text="plain"))
    assert faults(operation, httpx.Response(200, json=good | {"monthly_calls": "fifty"}))
    assert faults(operation, httpx.Response(404, json={"title": "no problem"}))

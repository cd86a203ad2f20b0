"""The API's description is what the routes give, and each route says which scope an API key needs for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator

from house import openapi
from web import Scope, needs
from web.scopes import mark_of


@pytest.mark.parametrize("service", openapi.apps())
def test_every_route_says_which_scope_a_key_needs(service: str) -> None:
    """Or that no key will do. One that says nothing is closed to keys, which nobody meant."""
    assert openapi.unmarked(openapi.apps()[service]) == []


def test_a_route_that_says_nothing_is_found() -> None:
    router, app = APIRouter(prefix="/api/v1"), FastAPI()

    @router.get("/runs")
    async def listed() -> None: ...

    @router.get("/reports", dependencies=[needs(Scope.REPORTS_READ)])
    async def marked() -> None: ...

    app.include_router(router)
    assert openapi.unmarked(app) == ["GET /api/v1/runs"]


def test_every_scope_opens_something() -> None:
    marks = [mark_of(route) for app in openapi.apps().values() for _, route in openapi.api_routes(app)]
    assert {mark.scope for mark in marks if mark and mark.scope} == set(Scope)


def test_no_key_manages_keys() -> None:
    routes = dict(openapi.api_routes(openapi.apps()["ingest"]))
    marks = {path: mark_of(route) for path, route in routes.items() if "api-keys" in path}
    assert len(marks) >= 2
    assert {path for path, mark in marks.items() if mark is None or mark.scope is not None} == set()


# Operations that change something and take no Idempotency-Key, each with what makes a repetition harmless.
_STATE = "sets a state: in it already, nothing changes"
_WHOLE = "puts the whole of a thing; its version refuses who has seen another one"
_ASKS = "asks for something to be read; what is being read already is not asked for again"
WITHOUT_KEY = {
    "PUT /api/v1/audit/streaming": _WHOLE,
    "POST /api/v1/audit/streaming/pause": _STATE,
    "POST /api/v1/audit/streaming/resume": _STATE,
    "POST /api/v1/audit/streaming/test": "sends an event without content, as often as it is asked to",
    "POST /api/v1/deliveries/{delivery_id}/repeat": "one that is waiting, or is known to be posted, is not posted again",
    "POST /api/v1/billing/keep": _STATE,
    "POST /api/v1/billing/portal": "opens a door that closes by itself; its address lets in whoever has it, and is never kept",
    "PUT /api/v1/delivery": _WHOLE,
    "POST /api/v1/delivery/channels": _ASKS,
    "POST /api/v1/erasure": "one that is asked for stays as it is, and no second one is made",
    "POST /api/v1/erasure/people": "one for the same person that is under way stays as it is, and no second one is made",
    "POST /api/v1/erasure/reports/{report}": "one that is asked for stays as it is, and no second one is made",
    "POST /api/v1/integrations/siem": "names the version that it takes the place of; its answer holds a secret, which is never kept",
    "PUT /api/v1/members/{user_id}/role": _STATE,
    "POST /api/v1/runs/{run_id}/cancel": _STATE,
    "POST /api/v1/runs/{run_id}/resume": _STATE,
    "PUT /api/v1/schedules/{schedule_id}": _WHOLE,
    "POST /api/v1/schedules/{schedule_id}/activate": _STATE,
    "POST /api/v1/schedules/{schedule_id}/pause": _STATE,
    "PUT /api/v1/workspace/name": _STATE,
    "PUT /api/v1/workspace/settings": _WHOLE,
}


def test_what_makes_something_takes_an_idempotency_key() -> None:
    """A new operation takes one, or says here why it need not."""
    paths = openapi.document()["paths"]
    without = {
        f"{method.upper()} {path}"
        for path, item in paths.items()
        for method, one in item.items()
        if method in {"post", "put"} and not one.get("x-idempotent")
    }
    assert without == set(WITHOUT_KEY)


def test_the_description_is_what_the_routes_give() -> None:
    assert json.loads(openapi.FILE.read_text()) == openapi.document()
    assert Path("docs/openapi.json").read_text() == openapi.FILE.read_text()


def test_the_description_is_openapi() -> None:
    document = openapi.document()
    OpenAPIV31SpecValidator(document).validate()
    operations = [one for item in document["paths"].values() for one in item.values()]
    assert len(operations) > 35
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    for one in operations:
        assert one["security"], one["operationId"]
        assert "401" in one["responses"], one["operationId"]
        assert one.get("description"), f"{one['operationId']} says nothing of itself"

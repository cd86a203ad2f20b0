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

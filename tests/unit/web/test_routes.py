"""Routes that are built late: what a request gets is the same, and what is wrong with one is found without a request."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form
from pydantic import BaseModel
from starlette.testclient import TestClient
from unit.web.issuer import settings
from unit.web.test_sse import Gate

from web import create_app
from web.routes import LateRoute, build_routes, new_router


class Note(BaseModel):
    text: str


async def one(number: int) -> Note:
    return Note(text=str(number))


async def write(text: Annotated[str, Form()], note: Annotated[Note, Depends(lambda: Note(text="!"))]) -> Note:
    return Note(text=text + note.text)


def made() -> tuple[FastAPI, APIRouter]:
    router = new_router("/notes")
    router.add_api_route("/{number}", one, methods=["GET"])
    router.add_api_route("", write, methods=["POST"], status_code=201, response_model=Note)
    app = FastAPI()
    app.router.route_class = LateRoute
    app.include_router(router)
    return app, router


def waiting(router: APIRouter) -> list[str]:
    return [route.path for route in router.routes if isinstance(route, LateRoute) and route._waiting is not None]


def test_a_route_is_built_with_the_first_request_and_answers_as_ever() -> None:
    app, router = made()
    assert waiting(router) == ["/notes/{number}", "/notes"]
    client = TestClient(app)
    assert client.get("/notes/7").json() == {"text": "7"}
    assert waiting(router) == []
    assert client.get("/notes/x").status_code == 422
    answer = client.post("/notes", data={"text": "a"})
    assert (answer.status_code, answer.json()) == (201, {"text": "a!"})
    answer = client.delete("/notes")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.get("/elsewhere").status_code == 404
    assert str(app.url_path_for("one", number=3)) == "/notes/3"


def test_a_description_has_every_route() -> None:
    app, _ = made()
    assert set(app.openapi()["paths"]) == {"/notes/{number}", "/notes"}


async def test_what_nobody_has_used_is_built_once_the_service_has_begun() -> None:
    app, router = made()
    begun = asyncio.Event()
    building = asyncio.create_task(build_routes(app, [router], begun.wait))
    await asyncio.sleep(0)
    assert len(waiting(router)) == 2
    begun.set()
    await building
    assert waiting(router) == []


async def test_an_app_builds_them_while_it_serves() -> None:
    begun = asyncio.Event()
    _, router = made()
    app = create_app(
        service="noticeboard", settings=settings(), routers=[router], package="web", sessions=Gate(), begun=begun.wait
    )
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0.01)
        assert len(waiting(router)) == 2
        begun.set()
        for _ in range(100):
            await asyncio.sleep(0)
        assert waiting(router) == []
    assert not app.state.background.crashed.is_set()


async def test_a_route_that_cannot_be_built_is_found_and_stays_so() -> None:
    app, router = made()
    router.add_api_route("/wrong/{number}", one, status_code=204, response_model=Note)
    for _ in range(2):
        with pytest.raises(AssertionError, match="must not have a response body"):
            await build_routes(app, [router], _at_once)


async def _at_once() -> None:
    """It has begun."""

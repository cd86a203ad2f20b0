"""What was never exercised: a proof that leaves a route out says nothing about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from contracts.registry import TOPICS
from isolation.interference.operations import Covered
from isolation.interference.world import World


def expected(world: World) -> set[Covered]:
    """Each route of each service with each method, and each message type at each subscription."""
    return {*_routes(world), *_messages(world)}


def missing(world: World, covered: set[Covered]) -> list[str]:
    """In words."""
    return [f"never exercised: {' '.join(one)}" for one in sorted(expected(world) - covered)]


def _routes(world: World) -> Iterator[Covered]:
    for service, app in world.apps.items():
        assert isinstance(app, FastAPI)
        for route in _flat(app.routes):
            yield from ((service, method, route.path) for method in sorted((route.methods or set()) - {"HEAD"}))


def _flat(routes: Sequence[BaseRoute]) -> Iterator[APIRoute]:
    """Routes of included routers as well. Fails for a kind of route that nobody thought of here."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if isinstance(included, APIRouter):
            yield from _flat(included.routes)
        else:
            assert isinstance(route, APIRoute), f"a route of another kind: {type(route).__name__}"
            yield route


def _messages(world: World) -> Iterator[Covered]:
    for service in world.services.values():
        for subscription in service.parts.consumers:
            for kind in TOPICS[subscription.partition(".")[2]].messages:
                yield "message", subscription, kind.DESCRIPTOR.full_name

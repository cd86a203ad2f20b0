"""The ways in to a running service: its routes, the messages it handles, its background work, its commands."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from functools import partial

from typer import Typer

from isolation.elsewhere.town import routes_of
from isolation.interference.world import World
from messaging import Routes

SAFE = frozenset({"GET", "HEAD"})


def ways_in(world: World) -> dict[tuple[str, str], str]:
    """Every way in that may change something, by service and name, with the name of the function behind it ("" where none is known)."""
    found: dict[tuple[str, str], str] = {}
    for route in routes_of(world):
        if route.method not in SAFE:
            found[route.service, f"{route.method} {route.path}"] = route.route.endpoint.__name__
    for name, service in world.services.items():
        for consumer in service.parts.consumers.values():
            found |= {(name, f"message {kind}"): behind for kind, behind in _handlers(consumer._routes)}
        for work in service.parts._works:
            function = work.func if isinstance(work, partial) else work
            # The loop of `runtime` is no code of the service's; the rounds that it does are.
            behind = "once" if function.__qualname__ == "Rounds.run" else function.__name__
            found[name, f"work {function.__qualname__}"] = behind
        found |= {(name, f"command {words}"): behind for words, behind in _commands(name)}
    return found


def _handlers(routes: Routes) -> Iterator[tuple[str, str]]:
    for kind in routes.types:
        handler = routes.handler_of(kind)
        yield kind, _inner(handler).__name__ if handler else ""


def _inner(handler: Callable[..., object]) -> Callable[..., object]:
    """What was registered, where the table has wrapped it."""
    inner: Callable[..., object] = inspect.getclosurevars(handler).nonlocals.get("handler", handler)
    return inner if handler.__name__ == "one_by_one" else handler


def _commands(service: str) -> Iterator[tuple[str, str]]:
    cli = importlib.import_module(f"{service.replace('-', '_')}.cli")
    yield from _of_app(cli.app, ())


def _of_app(app: Typer, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for command in app.registered_commands:
        if command.callback is not None:
            name = command.name or command.callback.__name__.replace("_", "-")
            yield " ".join((*words, name)), command.callback.__name__
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _of_app(group.typer_instance, (*words, str(group.name)))

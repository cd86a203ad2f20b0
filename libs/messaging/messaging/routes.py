"""Which handler takes which message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from contracts import Event
from contracts.registry import MESSAGES
from database import Tx

P = TypeVar("P", bound=Message)

Handler = Callable[[Tx, Event[P]], Awaitable[None]]
ManyHandler = Callable[[Tx, Sequence[Event[P]]], Awaitable[None]]

# A route is found by the payload's type, which is why the table itself cannot know P.
AnyManyHandler = Callable[[Tx, Sequence[Event[Any]]], Awaitable[None]]


class Routes:
    """A table of handlers by message type, filled once in a composition root."""

    def __init__(self) -> None:
        self._handlers: dict[str, AnyManyHandler] = {}

    def on(self, payload: type[P], handler: Handler[P]) -> None:
        """Give each event with such a payload to `handler`, one by one."""

        async def one_by_one(tx: Tx, events: Sequence[Event[P]]) -> None:
            for event in events:
                await handler(tx, event)

        self._add(payload, one_by_one)

    def on_many(self, payload: type[P], handler: ManyHandler[P]) -> None:
        """Give runs of events with such a payload to `handler`, all of one workspace and in order: fewer round trips."""
        self._add(payload, handler)

    def handler_of(self, type_name: str) -> AnyManyHandler | None:
        """The handler of a message type; None when nobody here listens to it."""
        return self._handlers.get(type_name)

    @property
    def types(self) -> frozenset[str]:
        """Full names of all message types with a handler."""
        return frozenset(self._handlers)

    def _add(self, payload: type[P], handler: AnyManyHandler) -> None:
        name = payload.DESCRIPTOR.full_name
        if name not in MESSAGES:
            raise ValueError(f"{name} travels on no topic: add it to contracts.registry")
        if name in self._handlers:
            raise ValueError(f"{name} has a handler already: a service handles a message in one place")
        self._handlers[name] = handler

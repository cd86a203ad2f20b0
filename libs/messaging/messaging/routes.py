"""Which handler takes which message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from contracts import Event
from contracts.registry import MESSAGES
from core.ids import WorkspaceId
from database import Batch, Tx

P = TypeVar("P", bound=Message)

Handler = Callable[[Tx, Event[P]], Awaitable[None]]
ManyHandler = Callable[[Tx, Sequence[Event[P]]], Awaitable[None]]

BatchHandler = Callable[[Batch, Mapping[WorkspaceId, Sequence[Event[P]]]], Awaitable[None]]
OnceHandler = Callable[[Batch, Mapping[WorkspaceId, Sequence[Event[P]]]], Awaitable[int]]

# A route is found by the payload's type, which is why the table itself cannot know P.
AnyManyHandler = Callable[[Tx, Sequence[Event[Any]]], Awaitable[None]]
AnyBatchHandler = Callable[[Batch, Mapping[WorkspaceId, Sequence[Event[Any]]]], Awaitable[None]]
AnyOnceHandler = Callable[[Batch, Mapping[WorkspaceId, Sequence[Event[Any]]]], Awaitable[int]]


class Routes:
    """A table of handlers by message type, filled once in a composition root."""

    def __init__(self) -> None:
        self._handlers: dict[str, AnyManyHandler] = {}
        self._batch_handlers: dict[str, AnyBatchHandler] = {}
        self._once_handlers: dict[str, AnyOnceHandler] = {}

    def on(self, payload: type[P], handler: Handler[P]) -> None:
        """Give each event with such a payload to `handler`, one by one."""

        async def one_by_one(tx: Tx, events: Sequence[Event[P]]) -> None:
            for event in events:
                await handler(tx, event)

        self._add(payload, one_by_one)

    def on_many(self, payload: type[P], handler: ManyHandler[P]) -> None:
        """Give runs of events with such a payload to `handler`, all of one workspace and in order: fewer round trips."""
        self._add(payload, handler)

    def on_batch(self, payload: type[P], handler: BatchHandler[P]) -> None:
        """Give events with such a payload to `handler`, those of all workspaces of a batch at once: each workspace's in order, workspaces
        in the order of their ids. It runs statements that enter each workspace themselves (`Batch.enter_each`), so that a batch takes
        a few round trips whatever the number of its workspaces. Where that fails, it is given one workspace's events at a time.
        """
        self._batch_handlers[self._free(payload)] = handler

    def on_batch_once(self, payload: type[P], handler: OnceHandler[P]) -> None:
        """The same for a handler whose effect tells by itself which events there were: a row with the event's id in its key, which stays
        for good. The inbox would say the same a second time, and is left out (docs/decisions/0016). Answers how many events were new.
        """
        name = self._free(payload)

        async def without_count(batch: Batch, told: Mapping[WorkspaceId, Sequence[Event[P]]]) -> None:
            await handler(batch, told)

        self._batch_handlers[name] = without_count
        self._once_handlers[name] = handler

    def handler_of(self, type_name: str) -> AnyManyHandler | None:
        """The handler of a message type within one workspace; None when there is none."""
        return self._handlers.get(type_name)

    def batch_handler_of(self, type_name: str) -> AnyBatchHandler | None:
        """The handler of a message type over several workspaces; None when there is none."""
        return self._batch_handlers.get(type_name)

    def once_handler_of(self, type_name: str) -> AnyOnceHandler | None:
        """The handler of a message type that needs no inbox; None when there is none."""
        return self._once_handlers.get(type_name)

    def hears(self, type_name: str) -> bool:
        """Whether somebody here listens to messages of this type."""
        return type_name in self._handlers or type_name in self._batch_handlers

    @property
    def types(self) -> frozenset[str]:
        """Full names of all message types with a handler."""
        return frozenset(self._handlers.keys() | self._batch_handlers.keys())

    def _add(self, payload: type[P], handler: AnyManyHandler) -> None:
        self._handlers[self._free(payload)] = handler

    def _free(self, payload: type[Message]) -> str:
        """The name of a message type that has no handler yet. Raises ValueError."""
        name = payload.DESCRIPTOR.full_name
        if name not in MESSAGES:
            raise ValueError(f"{name} travels on no topic: add it to contracts.registry")
        if self.hears(name):
            raise ValueError(f"{name} has a handler already: a service handles a message in one place")
        return str(name)

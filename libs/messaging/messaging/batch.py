"""A batch of deliveries opened and sorted: what can be read by workspace, what cannot with its reason."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from google.protobuf.message import Message
from msgspec import Struct

from contracts import Event, unpack
from core.errors import InvalidInput
from core.ids import WorkspaceId
from messaging.ports import Delivery
from messaging.store import Rejected


class Letter(NamedTuple):
    """An opened delivery; `position` is its place in the batch."""

    position: int
    delivery: Delivery
    event: Event[Message]

    @property
    def lane(self) -> tuple[str, str]:
        """What keeps its order: a subscription and an ordering key. Messages without a key have none."""
        return self.delivery.subscription, self.delivery.ordering_key or f"message:{self.delivery.id}"


class Group(Struct, frozen=True):
    """The letters of one workspace, in the order in which they came."""

    workspace_id: WorkspaceId
    letters: Sequence[Letter]


class Unreadable(Struct, frozen=True):
    """A delivery that is no event of ours."""

    position: int
    rejected: Rejected


def open_batch(deliveries: Sequence[Delivery], first: int = 0) -> tuple[list[Letter], list[Unreadable]]:
    """What can be read, and what cannot; `first` is the place of the first of them in their batch."""
    letters: list[Letter] = []
    unreadable: list[Unreadable] = []
    for position, delivery in enumerate(deliveries, first):
        try:
            letters.append(Letter(position, delivery, unpack(delivery.body, delivery.attributes)))
        except InvalidInput as error:
            unreadable.append(Unreadable(position, Rejected(delivery, str(error))))
    return letters, unreadable


def groups_of(letters: Sequence[Letter]) -> list[Group]:
    """`letters` by workspace, in the order of the ids: two batches that lock rows of the same workspaces then never wait for each other."""
    by_workspace: dict[WorkspaceId, list[Letter]] = {}
    for letter in letters:
        by_workspace.setdefault(letter.event.workspace_id, []).append(letter)
    return [Group(workspace_id, by_workspace[workspace_id]) for workspace_id in sorted(by_workspace)]


def first_heard(letters: Sequence[Letter], fresh: set[uuid.UUID]) -> list[Event[Message]]:
    """The events of `letters` that are in `fresh`, each once; a batch may hold the same event twice."""
    remaining = set(fresh)
    events: list[Event[Message]] = []
    for letter in letters:
        if letter.event.event_id in remaining:
            remaining.remove(letter.event.event_id)
            events.append(letter.event)
    return events


def each_once(letters: Sequence[Letter]) -> list[Event[Message]]:
    """The events of `letters`, each once."""
    events: dict[uuid.UUID, Event[Message]] = {}
    for letter in letters:
        events.setdefault(letter.event.event_id, letter.event)
    return list(events.values())


def runs_of(events: Sequence[Event[Message]]) -> Iterator[tuple[str, list[Event[Message]]]]:
    """Consecutive events of one type, so that a handler of many gets them at once and none overtakes another."""
    for type_name, run in groupby(events, key=lambda event: event.type):
        yield type_name, list(run)

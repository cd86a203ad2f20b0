"""Between the log's words and the message contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from audit import handlers
from audit.domain import Change, Entry, EntryType
from audit.log.keys import Salts
from audit.staff import desk
from audit.staff.store import ToldRead
from audit.store import reading, search
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, StaffAccess
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from contracts import ActorKind, Event
from contracts.staff import read_told
from core.errors import InvalidInput
from core.ids import points_elsewhere
from database import Tx
from messaging import Routes

# Longer texts are cut: an entry is for reading, and its size is bounded by its producer as well.
_LONGEST_VALUE = 2000
_MOST_FIELDS = 50
_LONGEST_ZONE = 64

_TYPES = {
    AdminActionType.Value(f"ADMIN_ACTION_TYPE_{kind.value.upper().replace('.', '_')}"): kind for kind in EntryType
}


def routes(salts: Salts) -> Routes:
    """What is done with each message on `audit`; `salts` are remembered between them."""

    async def recorded(tx: Tx, events: Sequence[Event[AdminAction]]) -> None:
        entries = [_entry(event) for event in events]
        await handlers.record(tx, entries, salts)
        await search.index(tx, entries)

    async def looked_into(tx: Tx, events: Sequence[Event[StaffAccess]]) -> None:
        await desk.record(tx, [_read(event) for event in events])

    table = Routes()
    table.on_many(AdminAction, recorded)
    table.on_many(StaffAccess, looked_into)
    return table


def workspaces() -> Routes:
    """What is done with news of workspaces: their zones are kept, in which times are shown."""

    async def told(tx: Tx, event: Event[WorkspaceCreated] | Event[WorkspaceUpdated]) -> None:
        await reading.keep_zone(tx, event.payload.timezone[:_LONGEST_ZONE] or "UTC", event.sequence)

    table = Routes()
    table.on(WorkspaceCreated, told)
    table.on(WorkspaceUpdated, told)
    return table


def _entry(event: Event[AdminAction]) -> Entry:
    action = event.payload
    kind = _TYPES.get(action.type)
    if kind is None:
        raise InvalidInput("the admin action is none of the fourteen types")
    if points_elsewhere(action.target_id, event.workspace_id):
        raise InvalidInput("the admin action is about another workspace than the message")
    if len(action.diff) > _MOST_FIELDS:
        raise InvalidInput(f"the diff has {len(action.diff)} fields, more than the {_MOST_FIELDS} allowed")
    return Entry(
        id=event.event_id,
        type=kind,
        actor_kind=event.actor.kind.value,
        actor_id=_cut(event.actor.id or event.producer),
        actor_email=_cut(event.actor.email),
        source=event.actor.source.value,
        target_kind=_cut(action.target_kind),
        target_id=_cut(action.target_id),
        diff=tuple(
            Change(
                _cut(change.field),
                _cut(change.before) if change.HasField("before") else None,
                _cut(change.after) if change.HasField("after") else None,
            )
            for change in action.diff
        ),
        occurred_at=event.occurred_at,
    )


def _read(event: Event[StaffAccess]) -> ToldRead:
    if event.actor.kind is not ActorKind.STAFF or not event.actor.id:
        raise InvalidInput("the message does not say who of our staff it is about")
    told = read_told(event.payload)
    read = replace(told, question=_cut(told.question), reads=_cut(told.reads), about=_cut(told.about))
    return ToldRead(read, _cut(event.producer), _cut(event.actor.id), event.occurred_at)


def _cut(text: str) -> str:
    # PostgreSQL's text and jsonb hold every character but this one.
    text = text.replace("\x00", "�")
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"

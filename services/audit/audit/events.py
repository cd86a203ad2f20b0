"""Between the log's words and the message contracts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC

from msgspec.structs import replace

from audit import handlers
from audit.domain import Change, Entry, EntryType
from audit.log.keys import Salts
from audit.staff import desk
from audit.staff.store import ToldRead
from audit.store import reading
from audit.streaming.grants import SealedGrant
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange, StaffAccess
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRequested,
    DenialReason,
)
from callmine.integrations.v1.integrations_pb2 import Provider
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from contracts import ActorKind, Event
from contracts.changes import Value, changes_between
from contracts.staff import read_told
from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_uuid, points_elsewhere
from database import Batch, Tx, as_read
from messaging import Routes

__all__ = ["AdminAction", "CredentialDenied", "CredentialGranted", "CredentialRequested"]

Granted = Event[CredentialGranted]
Denied = Event[CredentialDenied]

# Longer texts are cut: an entry is for reading, and its size is bounded by its producer as well.
_LONGEST_VALUE = 2000
_MOST_FIELDS = 50
_LONGEST_ZONE = 64

_TYPES = {
    AdminActionType.Value(f"ADMIN_ACTION_TYPE_{kind.value.upper().replace('.', '_')}"): kind for kind in EntryType
}

_DENIALS = {
    DenialReason.DENIAL_REASON_NOT_CONNECTED: "not_connected",
    DenialReason.DENIAL_REASON_NOT_ALLOWED: "not_allowed",
    DenialReason.DENIAL_REASON_NEEDS_RECONNECT: "needs_reconnect",
}


def routes(salts: Salts) -> Routes:
    """What is done with each message on `audit`; `salts` are remembered between them."""

    async def recorded(batch: Batch, told: Mapping[WorkspaceId, Sequence[Event[AdminAction]]]) -> int:
        # In id order, so that two batches with the same messages never wait for each other in a circle.
        entries = {
            workspace_id: sorted(map(_entry, events), key=lambda entry: entry.id.int)
            for workspace_id, events in told.items()
        }
        return await handlers.record_all(batch, entries, salts)

    async def looked_into(tx: Tx, events: Sequence[Event[StaffAccess]]) -> None:
        await desk.record(tx, [_read(event) for event in events])

    table = Routes()
    # An entry has its event's id, for good: the table itself tells which there were.
    table.on_batch_once(AdminAction, recorded)
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


def signing_secret_requested(grant_id: uuid.UUID, purpose: str) -> CredentialRequested:
    """Asks the vault for what signs the workspace's stream."""
    return CredentialRequested(
        grant_id=str(grant_id), provider=Provider.PROVIDER_SIEM, purpose=purpose, subject_id="audit-stream"
    )


def sealed_grant(message: CredentialGranted) -> SealedGrant:
    """The grant as it is kept. Raises InvalidInput for one without content or expiry, or for another provider."""
    if message.provider != Provider.PROVIDER_SIEM:
        raise InvalidInput("the grant is not for what audit asked for")
    if not message.sealed or not message.sealing_key_id or not message.HasField("expires_at"):
        raise InvalidInput("the grant lacks its sealed credential, the key's id or its expiry")
    try:
        expires_at = message.expires_at.ToDatetime(UTC)
    except ValueError as error:
        raise InvalidInput("the grant's expiry is no time") from error
    return SealedGrant(parse_uuid(message.grant_id, "grant_id"), message.sealed, message.sealing_key_id, expires_at)


def denial(message: CredentialDenied) -> tuple[uuid.UUID, str]:
    """Which grant there is not, and why; a reason of a newer vault is read as unknown."""
    return parse_uuid(message.grant_id, "grant_id"), _DENIALS.get(message.reason, "unknown")


def stream_changed(workspace_id: WorkspaceId, before: Mapping[str, Value], after: Mapping[str, Value]) -> AdminAction:
    """Tells the log that where it is sent has changed."""
    return AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
        target_kind="workspace",
        target_id=workspace_id,
        diff=changes_between(before, after),
    )


def _entry(event: Event[AdminAction]) -> Entry:
    action = event.payload
    kind = _TYPES.get(action.type)
    if kind is None:
        raise InvalidInput("the admin action is none of the fourteen types")
    if points_elsewhere(action.target_id, event.workspace_id):
        raise InvalidInput("the admin action is about another workspace than the message")
    if len(action.diff) > _MOST_FIELDS:
        raise InvalidInput(f"the diff has {len(action.diff)} fields, more than the {_MOST_FIELDS} allowed")
    actor = event.actor
    return Entry(
        # It is written several times from here on.
        id=as_read(event.event_id),
        type=kind,
        # By str, which costs a third of what asking a member for its value does.
        actor_kind=str(actor.kind),
        actor_id=_cut(actor.id or event.producer),
        actor_email=_cut(actor.email),
        source=str(actor.source),
        target_kind=_cut(action.target_kind),
        target_id=_cut(action.target_id),
        diff=tuple([_change(change) for change in action.diff]),
        occurred_at=event.occurred_at,
    )


def _change(change: FieldChange) -> Change:
    before, after = change.before, change.after
    # A side that has something in it is there; only of an empty one it has to be asked.
    return Change(
        _cut(change.field),
        _cut(before) if before or change.HasField("before") else None,
        _cut(after) if after or change.HasField("after") else None,
    )


def _read(event: Event[StaffAccess]) -> ToldRead:
    if event.actor.kind is not ActorKind.STAFF or not event.actor.id:
        raise InvalidInput("the message does not say who of our staff it is about")
    told = read_told(event.payload)
    read = replace(told, question=_cut(told.question), reads=_cut(told.reads), about=_cut(told.about))
    return ToldRead(read, _cut(event.producer), _cut(event.actor.id), event.occurred_at)


def _cut(text: str) -> str:
    # PostgreSQL's text and jsonb hold every character but this one.
    if "\x00" in text:
        text = text.replace("\x00", "�")
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"

"""Types and cursors of the log, and how messages become entries."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime

import pytest

from audit.domain import EntryType, Position
from audit.events import _TYPES, _entry
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from contracts import Actor, ActorKind, Event, Source
from core.errors import InvalidInput
from core.ids import WorkspaceId


def event(action: AdminAction, actor: Actor = Actor()) -> Event[AdminAction]:  # noqa: B008 - frozen
    return Event(
        workspace_id=WorkspaceId("org_one"),
        payload=action,
        producer="retention",
        aggregate_id="x",
        sequence=1,
        actor=actor,
    )


def test_there_are_fourteen_types_and_each_message_type_is_one() -> None:
    named = {value for name, value in AdminActionType.items() if not name.endswith("UNSPECIFIED")}
    assert len(EntryType) == 14
    assert set(_TYPES) == named
    assert set(_TYPES.values()) == set(EntryType)


@pytest.mark.parametrize("kind", list(EntryType))
def test_every_type_becomes_an_entry(kind: EntryType) -> None:
    number = AdminActionType.Value(f"ADMIN_ACTION_TYPE_{kind.name}")
    assert _entry(event(AdminAction(type=number))).type is kind


@pytest.mark.parametrize("number", [0, 15, 99])
def test_a_fifteenth_type_is_refused(number: int) -> None:
    action = AdminAction.FromString(bytes([8, number]))
    with pytest.raises(InvalidInput, match="none of the fourteen"):
        _entry(event(action))


def test_sides_that_are_not_there_are_not_empty_texts() -> None:
    diff = [FieldChange(field="a", after=""), FieldChange(field="b", before="x"), FieldChange(field="c")]
    action = AdminAction(type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED, diff=diff)
    sides = [(change.before, change.after) for change in _entry(event(action)).diff]
    assert sides == [(None, ""), ("x", None), (None, None)]


def test_who_did_it_is_a_person_or_the_service() -> None:
    action = AdminAction(type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED)
    by_system = _entry(event(action))
    by_person = _entry(event(action, Actor(ActorKind.USER, "user_1", "a@b.example", Source.WEB)))
    assert (by_system.actor_kind, by_system.actor_id, by_system.source) == ("system", "retention", "system")
    assert (by_person.actor_kind, by_person.actor_id, by_person.source) == ("user", "user_1", "web")


def test_a_diff_with_too_many_fields_is_refused() -> None:
    diff = [FieldChange(field=str(number)) for number in range(51)]
    action = AdminAction(type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED, diff=diff)
    with pytest.raises(InvalidInput, match="51 fields"):
        _entry(event(action))


@pytest.mark.parametrize(
    "position", [Position(), Position(datetime(2026, 3, 1, 12, 0, 0, 123456, UTC), uuid.UUID(int=7))]
)
def test_a_cursor_is_read_back_as_it_was(position: Position) -> None:
    assert Position.parse(position.cursor()) == position


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "====",
        "é",
        "AAAA",
        "%00",
        encoded("|"),
        encoded("2026-01-01T00:00:00+00:00|"),
        encoded("2026-01-01T00:00:00+00:00|not-a-uuid"),
        encoded("yesterday|00000000-0000-0000-0000-000000000001"),
        encoded("0001-01-01T00:00:00+14:00|00000000-0000-0000-0000-000000000001"),
        base64.urlsafe_b64encode(b"\xff\xfe|").decode(),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="page cursor is not one of ours"):
        Position.parse(cursor)


def test_an_unknown_type_is_refused_without_being_quoted() -> None:
    with pytest.raises(InvalidInput) as caught:
        EntryType.parse("report.<script>")
    assert "script" not in str(caught.value)

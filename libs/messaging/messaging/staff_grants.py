"""Grants of staff access in the database of a service that they open: kept from `staff-grants`, asked with each statement."""

from __future__ import annotations

import uuid

from google.protobuf.message import Message
from msgspec import Struct

from contracts import Event
from contracts.staff import GRANT_MESSAGES, Granted, grant_told
from database import Tx
from messaging.routes import Routes


class KnownGrant(Struct, frozen=True):
    """A grant as it is right now. `staff` is empty where nothing but its end was heard."""

    staff: str
    over: bool


def follow_grants(routes: Routes, service: str) -> None:
    """Let `routes` keep the grants that open `service`."""

    async def note_staff_grant(tx: Tx, event: Event[Message]) -> None:
        await note_grant(tx, event, service)

    for message in GRANT_MESSAGES:
        routes.on(message, note_staff_grant)


async def note_grant(tx: Tx, event: Event[Message], service: str) -> None:
    """Note what `event` says of a grant; one that opens another service is no business of this one. Raises InvalidInput."""
    told = grant_told(event.payload)
    terms = told if isinstance(told, Granted) else None
    if terms is not None and terms.service != service:
        return
    await tx.execute(
        "known_staff_grant_save",
        grant_id=told.grant_id,
        staff=terms.staff if terms else None,
        granted_at=terms.granted_at if terms else None,
        expires_at=terms.expires_at if terms else None,
        ended=terms is None,
    )


async def read_grant(tx: Tx, grant_id: uuid.UUID) -> KnownGrant | None:
    """What is known of a grant of the workspace; None for one that was not told of."""
    row = await tx.fetch_one("known_staff_grant_read", grant_id=grant_id)
    return KnownGrant(row["staff"] or "", row["over"]) if row else None


async def in_force(tx: Tx, grant_id: uuid.UUID) -> bool:
    """Whether the grant that the staff session `tx` has entered is in force at this moment, as the database itself decides."""
    return await tx.fetch_one("staff_grant_in_force", grant_id=grant_id) is not None

"""Who is in which workspace, in the database of a service that is told of it: kept from `workspaces`, asked at each request."""

from __future__ import annotations

from google.protobuf.message import Message

from contracts import Event
from contracts.standing import MEMBER_MESSAGES, Standing, standing_told
from core.ids import UserId, parse_user_id
from database import Tx
from messaging.erasure.people.store import is_forgotten
from messaging.routes import Routes


def follow_members(routes: Routes) -> None:
    """Let `routes` keep the service's memberships as well."""
    for message in MEMBER_MESSAGES:
        routes.on(message, note_member)


async def note_member(tx: Tx, event: Event[Message]) -> None:
    """Note what `event` says of a member, unless something later is known. Raises InvalidInput for one that names nobody.

    Of somebody whose data was erased since, nothing is noted: that they left takes away what may still be known.
    """
    told = standing_told(event.payload)
    user_id = parse_user_id(told.user_id)
    if await is_forgotten(tx, user_id, event.occurred_at):
        if not told.present:
            await tx.execute("membership_forget", user_id=user_id, sequence=event.sequence)
        return
    await tx.execute("membership_save", user_id=user_id, present=told.present, role=told.role, sequence=event.sequence)


async def read_standing(tx: Tx, user_id: UserId) -> Standing | None:
    """What is known of somebody in the workspace; None where nothing was told."""
    row = await tx.fetch_one("membership_read", user_id=user_id)
    return Standing(user_id, row["present"], row["role"]) if row else None

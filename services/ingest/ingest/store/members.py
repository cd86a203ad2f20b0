"""Members page by page, invitations, settings, and what has been asked of Clerk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from msgspec import Struct

from contracts import Actor, ActorKind, Source
from core.ids import UserId
from database import Row, Tx
from ingest.domain.intents import KEPT_DAYS, OPEN_SECONDS, SKEW_SECONDS, Intent, Wish
from ingest.domain.invitations import Invitation, InvitationState
from ingest.domain.members import Membership, Role
from ingest.domain.preferences import Chosen


class StoredInvitation(Struct, frozen=True):
    """An invitation as it is known, with the sequence of the last message about it."""

    invitation: Invitation
    sequence: int


async def page(tx: Tx, after: Membership | None, size: int) -> list[Membership]:
    """So many members after `after`, admins first."""
    rows = await tx.fetch(
        "members_page",
        after_role=after.role.value if after else "",
        after_email=after.email if after else "",
        after_user_id=after.user_id if after else "",
        members=size,
    )
    return [
        Membership(UserId(row["user_id"]), row["email"], Role(row["role"]), row["removed"], row["source_updated_at"])
        for row in rows
    ]


async def count(tx: Tx) -> int:
    """How many members there are."""
    return cast(int, await tx.fetch_value("members_count"))


async def admins_staying(tx: Tx) -> Sequence[UserId]:
    """The admins that remain once everything that was asked of Clerk has happened."""
    return [UserId(row["user_id"]) for row in await tx.fetch("admins_staying", seconds=OPEN_SECONDS)]


async def read_invitation(tx: Tx, invitation_id: str) -> StoredInvitation | None:
    """One invitation, whatever became of it."""
    row = await tx.fetch_one("invitation_read", id=invitation_id)
    return StoredInvitation(_invitation(row), row["sequence"]) if row else None


async def save_invitation(tx: Tx, told: Invitation, sequence: int) -> None:
    """Write one invitation as it is now."""
    await tx.execute(
        "invitation_save",
        id=told.invitation_id,
        email=told.email,
        role=told.role.value,
        state=told.state.value,
        invited_at=told.invited_at,
        expires_at=told.expires_at,
        source_updated_at=told.updated_at,
        sequence=sequence,
    )


async def pending_invitations(tx: Tx, most: int) -> list[Invitation]:
    """The newest invitations that can still be accepted."""
    return [_invitation(row) for row in await tx.fetch("invitations_pending", invitations=most)]


async def add_intent(tx: Tx, intent: Intent, actor: Actor) -> None:
    """Write down what `actor` is about to ask of Clerk; what is long over goes."""
    await tx.execute("intents_forget", days=KEPT_DAYS)
    await tx.execute(
        "intent_insert",
        id=intent.id,
        kind=intent.wish.kind.value,
        target=intent.wish.target,
        wanted=intent.wish.wanted,
        actor_id=actor.id,
        actor_email=actor.email,
        source=actor.source.value,
    )


async def forget_intent(tx: Tx, intent: Intent) -> None:
    """The outcome of `intent` is known."""
    await tx.execute("intent_delete", id=intent.id)


async def take_intent(tx: Tx, wish: Wish, happened_at: datetime) -> Actor | None:
    """Who wished for a change that happened then, if somebody did so here; each intent answers for one change."""
    row = await tx.fetch_one(
        "intent_take",
        kind=wish.kind.value,
        target=wish.target,
        wanted=wish.wanted,
        happened_at=happened_at,
        seconds=OPEN_SECONDS,
        skew=SKEW_SECONDS,
    )
    return Actor(ActorKind.USER, row["actor_id"], row["actor_email"], Source(row["source"])) if row else None


async def save_settings(tx: Tx, chosen: Chosen, version: int, sequence: int) -> bool:
    """Write the settings over version `version`; False when they are at another one."""
    saved = await tx.execute(
        "settings_save",
        timezone=chosen.timezone,
        mask_personal_data=chosen.preferences.mask_personal_data,
        other_provider_fallback=chosen.preferences.other_provider_fallback,
        settings_version=version,
        sequence=sequence,
    )
    return saved == 1


def _invitation(row: Row) -> Invitation:
    return Invitation(
        row["id"],
        row["email"],
        Role(row["role"]),
        InvitationState(row["state"]),
        row["invited_at"],
        row["expires_at"],
        row["source_updated_at"],
    )

"""What is known of somebody by address, or has the address alone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from msgspec import Struct

from core.ids import UserId
from database import Tx
from messaging.erasure.people.store import mark


class Known(Struct, frozen=True):
    """The ids of users whom an address belongs to, or belonged to; whether one of them is a member."""

    user_ids: Sequence[UserId]
    is_member: bool


async def known(tx: Tx, email: str) -> Known:
    """Whose the address is."""
    rows = await tx.fetch("person_known_as", email=_spelled(email))
    return Known([UserId(row["user_id"]) for row in rows], any(row["is_member"] for row in rows))


async def count(tx: Tx, email: str) -> int:
    """How many rows have the address and lead to nobody who is known."""
    return cast(int, await tx.fetch_value("person_addressed", email=_spelled(email)))


async def erase(tx: Tx, email: str, until: datetime) -> Mapping[str, int]:
    """Erase the rows that have the address alone; how many, by table. What Clerk said of an invitation until then is not noted again."""
    spelled = _spelled(email)
    invited = await tx.fetch("addressed_invitations", email=spelled)
    await forget(tx, [row["id"] for row in invited], until)
    rows = {
        "invitations": await tx.execute("addressed_erase_invitations", email=spelled),
        "intents": await tx.execute("addressed_erase_intents", email=spelled),
        "jobs": await tx.execute("addressed_empty_jobs", email=spelled),
    }
    return {name: number for name, number in rows.items() if number}


async def own_keys(tx: Tx, user_ids: Sequence[str]) -> list[uuid.UUID]:
    """The API keys that some people made."""
    return [row["id"] for row in await tx.fetch("person_own_keys", user_ids=list(user_ids))]


async def strangers(tx: Tx, user_ids: Sequence[str]) -> list[UserId]:
    """Which of these people are no member."""
    return [UserId(row["user_id"]) for row in await tx.fetch("person_strangers", user_ids=list(user_ids))]


async def forget_invitations(tx: Tx, user_ids: Sequence[str], until: datetime) -> None:
    """Have nothing noted again of what Clerk said until then of invitations to people who have left."""
    await forget(tx, [row["id"] for row in await tx.fetch("person_invited", user_ids=list(user_ids))], until)


async def forget(tx: Tx, ids: Sequence[str], until: datetime) -> None:
    """Have nothing noted again of what happened until then to who, or what, has one of these ids."""
    await tx.execute("people_forget", marks=sorted(map(mark, ids)), until=until)


def _spelled(email: str) -> str:
    """As the statements compare it."""
    return email.strip().lower()

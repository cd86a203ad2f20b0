"""Webhooks already heard, and whose they are."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database, Tx


class GongRule(Struct, frozen=True):
    """Whose address a rule of Gong sends to, and its public key: bare base64, as Gong shows it."""

    workspace_id: WorkspaceId
    public_key: str


class GongAddress(Struct, frozen=True):
    """An open address in the operators' list."""

    endpoint: str
    created_at: datetime


class Noticed(Struct, frozen=True):
    """How many calls Gong has told of lately (KEPT_DAYS), and when it last did; None for never."""

    calls: int
    latest: datetime | None


async def note(tx: Tx, source: str, message_id: str, type_name: str) -> bool:
    """Note a webhook as heard; False when it had been heard before. Of two at once the second waits for the first."""
    return await tx.execute("receipt_insert", source=source, message_id=message_id, type=type_name) == 1


async def remember_customer(tx: Tx, customer_id: str) -> None:
    """The customer is this workspace's."""
    await tx.execute("stripe_customer_insert", customer_id=customer_id)


async def customer_owners(db: Database, customer_id: str) -> list[WorkspaceId]:
    """The workspaces that the customer was named with."""
    async with db.sweep() as tx:
        return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("customer_owners", customer_id=customer_id)]


async def account_owners(db: Database, provider: str, account_id: str) -> list[WorkspaceId]:
    """The workspaces that have connected an account of a provider."""
    async with db.sweep() as tx:
        rows = await tx.fetch("account_owners", provider=provider, account_id=account_id)
    return [WorkspaceId(row["workspace_id"]) for row in rows]


async def gong_rules(db: Database, endpoint: str) -> list[GongRule]:
    """Whose address it is: one, or none."""
    async with db.sweep() as tx:
        rows = await tx.fetch("gong_rule_owners", endpoint=endpoint)
    return [GongRule(WorkspaceId(row["workspace_id"]), row["public_key"]) for row in rows]


async def open_address(tx: Tx, endpoint: str, public_key: str) -> None:
    """Open an address for a rule of the workspace's Gong."""
    await tx.execute("gong_rule_insert", endpoint=endpoint, public_key=public_key)


async def close_address(tx: Tx, endpoint: str) -> bool:
    """Close an address; False when the workspace has no such one."""
    return await tx.execute("gong_rule_delete", endpoint=endpoint) == 1


async def addresses(tx: Tx) -> list[GongAddress]:
    """The workspace's open addresses, oldest first."""
    return [GongAddress(row["endpoint"], row["created_at"]) for row in await tx.fetch("gong_rules_all")]


async def note_call(tx: Tx, call_id: str, started_at: datetime | None) -> bool:
    """Note that Gong has told of a call; False when it had before."""
    return await tx.execute("noticed_call_insert", call_id=call_id, started_at=started_at) == 1


async def noticed_calls(tx: Tx) -> Noticed:
    """What Gong has told of so far."""
    row = await tx.fetch_one("noticed_calls_sum")
    assert row is not None, "an aggregate has one row"  # noqa: S101
    return Noticed(row["calls"], row["latest"])


async def forget_receipts(db: Database, days: int, most: int) -> int:
    """Forget webhooks, of all workspaces, that were heard more than `days` days ago, the oldest `most` of them; how many."""
    async with db.sweep() as tx:
        return await tx.execute("receipts_purge", days=days, receipts=most)


async def forget_noticed(db: Database, days: int, most: int) -> int:
    """Forget calls, of all workspaces, that Gong told of more than `days` days ago, the oldest `most` of them; how many."""
    async with db.sweep() as tx:
        return await tx.execute("noticed_calls_purge", days=days, calls=most)

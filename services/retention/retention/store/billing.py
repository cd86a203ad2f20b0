"""A workspace's customer and subscription at Stripe, and its invoices, as they were read last."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict

from database import Row, Tx
from retention.domain.billing import Account, Invoice
from retention.domain.plans import PlanName


async def account(tx: Tx) -> Account | None:
    """What was read last; None for a workspace that never bought anything."""
    row = await tx.fetch_one("account")
    return _account(row) if row else None


async def adopt(tx: Tx, customer_id: str) -> str:
    """The customer is the workspace's, unless it has one already that exists. Gives the one that it has now."""
    return str(await tx.fetch_value("account_adopt", customer_id=customer_id))


async def gone(tx: Tx, customer_id: str) -> None:
    """The customer does not exist at Stripe any more."""
    await tx.execute("account_gone", customer_id=customer_id)


async def keep(tx: Tx, told: Account, invoices: Sequence[Invoice]) -> bool:
    """Keep what was read; False, and nothing is kept, when the workspace has another customer by now."""
    values = asdict(told) | {"plan": _text(told.plan), "next_plan": _text(told.next_plan)}
    if not await tx.execute("account_keep", **values):
        return False
    if invoices:
        await tx.execute(
            "invoices_keep",
            invoice_ids=[one.id for one in invoices],
            numbers=[one.number for one in invoices],
            statuses=[one.status for one in invoices],
            totals=[one.total for one in invoices],
            currencies=[one.currency for one in invoices],
            moments=[one.created_at for one in invoices],
        )
    return True


async def latest_invoices(tx: Tx, limit: int) -> list[Invoice]:
    """The newest invoices, the newest first."""
    rows = await tx.fetch("invoices_latest", limit=limit)
    return [
        Invoice(row["invoice_id"], row["number"], row["status"], row["total"], row["currency"], row["created_at"])
        for row in rows
    ]


async def workspace_name(tx: Tx) -> str:
    """The workspace's name; empty while none was told."""
    return str(await tx.fetch_value("workspace_name") or "")


def _text(plan: PlanName | None) -> str | None:
    return plan.value if plan else None


def _plan(text: str | None) -> PlanName | None:
    return PlanName(text) if text else None


def _account(row: Row) -> Account:
    return Account(
        customer_id=row["customer_id"],
        customer_deleted=row["customer_deleted"],
        subscription_id=row["subscription_id"],
        item_id=row["item_id"],
        schedule_id=row["schedule_id"],
        status=row["status"],
        plan=_plan(row["plan"]),
        period_end=row["period_end"],
        ends_at=row["ends_at"],
        next_plan=_plan(row["next_plan"]),
        next_at=row["next_at"],
        grace_until=row["grace_until"],
        live=row["live"],
        trouble=row["trouble"],
    )

"""What admins set out to buy."""

from __future__ import annotations

import uuid

from database import Row, Tx
from retention.domain.plans import PlanName
from retention.domain.purchases import Item, Kind, Purchase


async def start(tx: Tx, purchase_id: uuid.UUID, item: Item, user_id: str, email: str) -> bool:
    """Note what somebody sets out to buy; False when the id is known already."""
    begun = await tx.fetch_value(
        "checkout_start",
        id=purchase_id,
        kind=item.kind.value,
        plan=item.plan.value if item.plan else None,
        price_id=item.price_id,
        packs=item.packs,
        calls=item.calls,
        user_id=user_id,
        email=email,
    )
    return begun is not None


async def purchase(tx: Tx, purchase_id: uuid.UUID) -> Purchase | None:
    """A purchase of this workspace."""
    row = await tx.fetch_one("checkout", id=purchase_id)
    return _purchase(row) if row else None


async def is_session(tx: Tx, session_id: str) -> bool:
    """Whether it is a checkout session of this workspace's."""
    return await tx.fetch_value("checkout_of_session", session_id=session_id) is not None


async def note_session(tx: Tx, purchase_id: uuid.UUID, session_id: str) -> bool:
    """The purchase's checkout session; False when it has another one."""
    return await tx.fetch_value("checkout_session", id=purchase_id, session_id=session_id) is not None


async def credit(tx: Tx, purchase_id: uuid.UUID, session_id: str) -> bool:
    """The calls of a purchase are credited; False when they are already, or the session is not its own."""
    return await tx.fetch_value("checkout_credit", id=purchase_id, session_id=session_id) is not None


def _purchase(row: Row) -> Purchase:
    plan = PlanName(row["plan"]) if row["plan"] else None
    return Purchase(
        id=row["id"],
        item=Item(Kind(row["kind"]), row["price_id"], plan, row["packs"], row["calls"]),
        user_id=row["user_id"],
        email=row["email"],
        session_id=row["session_id"] or "",
        credited=row["credited_at"] is not None,
        age=row["age"],
    )

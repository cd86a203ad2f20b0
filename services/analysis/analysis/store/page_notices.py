"""What stands above people's pages until it is dismissed. A recipient is a person's id, or ADMINS."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from analysis.domain.deliveries import Channel, DeliveryState, PageNotice
from analysis.domain.request import ReportId, RunId, from_document
from core.ids import uuid7
from database import Row, Tx

# The workspace's admins together: one of them dismisses it for all.
ADMINS = ""


async def tell(tx: Tx, recipient: str, kind: str, run_id: RunId) -> None:
    """Tell somebody, once; again when it happens again."""
    await tx.execute("page_notice_insert", id=uuid7(), recipient=recipient, kind=kind, run_id=run_id)


async def tell_of_delivery(tx: Tx, run_id: RunId) -> None:
    """Tell the admins that a delivery has not arrived, or may not have; instead of what they were told of another one."""
    await tx.execute("page_notices_superseded")
    await tell(tx, ADMINS, "delivery", run_id)


async def open_of(tx: Tx, recipients: Sequence[str], limit: int) -> list[PageNotice]:
    """At most `limit`, the newest first."""
    return [_notice(row) for row in await tx.fetch("page_notices_open", recipients=list(recipients), limit=limit)]


async def dismiss(tx: Tx, notice_id: uuid.UUID, recipients: Sequence[str]) -> bool:
    """Whether there is such a notice; it is not shown any more."""
    if await tx.execute("page_notice_dismiss", id=notice_id, recipients=list(recipients)):
        return True
    return bool(await tx.fetch_value("page_notice_known", id=notice_id, recipients=list(recipients)))


async def seen(tx: Tx, recipient: str, run_id: RunId) -> None:
    """Who has opened the report needs not be told of it any more."""
    await tx.execute("page_notices_seen", recipient=recipient, run_id=run_id)


async def settled(tx: Tx, run_id: RunId) -> None:
    """It was posted after all: what was told of its failure is no news."""
    await tx.execute("page_notices_settled", run_id=run_id)


def _notice(row: Row) -> PageNotice:
    posted = row["state"] is not None
    return PageNotice(
        id=row["id"],
        kind=row["kind"],
        run_id=RunId(row["run_id"]),
        title=from_document(row["request"]).title,
        report_id=ReportId(row["report_id"]) if row["report_id"] else None,
        created_at=row["created_at"],
        channel=Channel(row["channel_id"], row["channel_name"]) if posted else None,
        state=DeliveryState(row["state"]) if posted else None,
        reason=row["reason"] or "",
    )

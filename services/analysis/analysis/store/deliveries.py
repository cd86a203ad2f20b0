"""Deliveries to Slack and the workspace's choice of a channel. What a worker writes carries the fence of its claim: one who has lost it
changes nothing."""

from __future__ import annotations

import uuid

from msgspec import Struct

from analysis.domain.deliveries import (
    Channel,
    Covers,
    Delivery,
    DeliveryId,
    DeliverySettings,
    DeliveryState,
    Due,
    Kind,
    Posting,
    Where,
)
from analysis.domain.notices import GrantId
from analysis.domain.request import ReportId, RunId
from analysis.store.slack_grants import granted_of
from core.ids import WorkspaceId
from database import Row, Tx


class DeliveryClaim(Struct, frozen=True):
    """A claimed delivery: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    id: DeliveryId
    fence: int
    attempts: int


async def settings(tx: Tx) -> DeliverySettings:
    """Where the workspace's finished reports go."""
    row = await tx.fetch_one("delivery_settings")
    return _settings(row) if row else DeliverySettings()


async def lock_settings(tx: Tx) -> DeliverySettings:
    """The same, locked until the transaction ends."""
    await tx.execute("delivery_settings_insert")
    row = await tx.fetch_one("delivery_settings_for_update")
    assert row is not None, "it was inserted where there was none"  # noqa: S101
    return _settings(row)


async def save_settings(tx: Tx, chosen: DeliverySettings) -> None:
    """Another choice for settings that are locked; their version rises."""
    await tx.execute("delivery_settings_save", covers=chosen.covers.value, **_channel_columns(chosen.channel))


async def own_choice(tx: Tx, run_id: RunId) -> Delivery | None:
    """What the schedule that has made a run says of its reports; None for a run that a person asked for."""
    row = await tx.fetch_one("schedule_delivery", run_id=run_id)
    return delivery_of(row) if row else None


async def add(
    tx: Tx,
    delivery_id: DeliveryId,
    run_id: RunId,
    kind: Kind,
    report_id: ReportId | None,
    channel: Channel,
    grant_id: GrantId,
) -> bool:
    """Add a delivery that waits for its credential; False where the run has one of that kind."""
    added = await tx.execute(
        "delivery_insert",
        id=delivery_id,
        run_id=run_id,
        kind=kind.value,
        report_id=report_id,
        grant_id=grant_id,
        **_channel_columns(channel),
    )
    return added == 1


async def of_run(tx: Tx, run_id: RunId) -> list[Posting]:
    """What became of a run's deliveries, the newest first."""
    return [_posting(row) for row in await tx.fetch("delivery_of_run", run_id=run_id)]


async def latest(tx: Tx, limit: int) -> list[Posting]:
    """The workspace's latest deliveries, but for those of runs that the plan hides."""
    return [_posting(row) for row in await tx.fetch("deliveries_latest", limit=limit)]


async def lock(tx: Tx, delivery_id: DeliveryId) -> Posting | None:
    """One delivery, locked until the transaction ends; None where there is none."""
    row = await tx.fetch_one("delivery_for_update", id=delivery_id)
    return _posting(row) if row else None


async def repeat(tx: Tx, known: Posting, new_id: DeliveryId, channel: Channel, grant_id: GrantId) -> bool:
    """Have a delivery that has ended without being there posted as another message; False when it has not, or not so."""
    repeated = await tx.execute(
        "delivery_repeat", id=known.id, new_id=new_id, grant_id=grant_id, **_channel_columns(channel)
    )
    return repeated == 1


async def answered(tx: Tx, grant_id: GrantId) -> bool:
    """The vault has answered; False where no delivery waits for it."""
    return await tx.execute("delivery_answered", grant_id=grant_id) == 1


async def claim(tx: Tx, limit: int, seconds: float) -> list[DeliveryClaim]:
    """Claim at most `limit` deliveries for `seconds`; `tx` is a sweep."""
    return [
        DeliveryClaim(WorkspaceId(row["workspace_id"]), DeliveryId(row["id"]), row["fence"], row["attempts"])
        for row in await tx.fetch("claim_deliveries", limit=limit, seconds=seconds)
    ]


async def renew(tx: Tx, claim: DeliveryClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("delivery_renew", **_key(claim), seconds=seconds) == 1


async def claimed(tx: Tx, claim: DeliveryClaim, margin_seconds: float, longest_seconds: float) -> Due | None:
    """The delivery that was claimed; None when the claim is lost. Its grant counts as expired `margin_seconds` early."""
    row = await tx.fetch_one(
        "delivery_claimed", **_key(claim), margin_seconds=margin_seconds, longest_seconds=longest_seconds
    )
    if row is None:
        return None
    return Due(
        id=DeliveryId(row["id"]),
        run_id=RunId(row["run_id"]),
        report_id=_report_id(row),
        kind=Kind(row["kind"]),
        channel=Channel(row["channel_id"], row["channel_name"]),
        granted=granted_of(row),
        refused_version=row["refused_version"],
        asked_at=row["asked_at"],
        asked_seconds_ago=row["asked_seconds_ago"],
        is_old=row["is_old"],
    )


async def asking(tx: Tx, claim: DeliveryClaim) -> bool:
    """Note that Slack is about to be asked; False when the claim is lost."""
    return await tx.execute("delivery_asking", **_key(claim)) == 1


async def not_asked(tx: Tx, claim: DeliveryClaim, seconds: float, *, counts: bool) -> bool:
    """Nothing was posted, for certain: let it be claimed again in `seconds`; `counts` says whether that was a failure."""
    return await tx.execute("delivery_not_asked", **_key(claim), seconds=seconds, counts=counts) == 1


async def put_back(tx: Tx, claim: DeliveryClaim, seconds: float, *, counts: bool) -> None:
    """Let it be claimed again in `seconds`, with what is known of it."""
    await tx.execute("delivery_put_back", **_key(claim), seconds=seconds, counts=counts)


async def refused(tx: Tx, claim: DeliveryClaim, version: int, seconds: float) -> bool:
    """Note which version of the credential Slack has refused, and put it back; False when the claim is lost."""
    return await tx.execute("delivery_refused", **_key(claim), version=version, seconds=seconds) == 1


async def ask_again(tx: Tx, claim: DeliveryClaim, grant_id: GrantId) -> bool:
    """Let it wait for another grant; False when the claim is lost."""
    return await tx.execute("delivery_ask_again", **_key(claim), grant_id=grant_id) == 1


async def end(
    tx: Tx, claim: DeliveryClaim, state: DeliveryState, reason: str = "", message_ts: str | None = None
) -> bool:
    """End it; False when the claim is lost. `reason` is a word, for all but posted; `message_ts` Slack's id, for posted."""
    ended = await tx.execute("delivery_end", **_key(claim), state=state.value, reason=reason, message_ts=message_ts)
    return ended == 1


def delivery_of(row: Row) -> Delivery:
    """A schedule's choice, from its columns."""
    channel = Channel(row["channel_id"], row["channel_name"]) if row["channel_id"] else None
    return Delivery(Where(row["delivery"]), channel)


def _key(claim: DeliveryClaim) -> dict[str, object]:
    return {"id": claim.id, "fence": claim.fence}


def _channel_columns(channel: Channel | None) -> dict[str, object]:
    return {"channel_id": channel.id if channel else None, "channel_name": channel.name if channel else ""}


def _settings(row: Row) -> DeliverySettings:
    channel = Channel(row["channel_id"], row["channel_name"]) if row["channel_id"] else None
    return DeliverySettings(channel, Covers(row["covers"]), row["version"])


def _report_id(row: Row) -> ReportId | None:
    value: uuid.UUID | None = row["report_id"]
    return ReportId(value) if value else None


def _posting(row: Row) -> Posting:
    return Posting(
        id=DeliveryId(row["id"]),
        run_id=RunId(row["run_id"]),
        report_id=_report_id(row),
        kind=Kind(row["kind"]),
        channel=Channel(row["channel_id"], row["channel_name"]),
        state=DeliveryState(row["state"]),
        reason=row["reason"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )

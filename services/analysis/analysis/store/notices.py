"""Notices to be sent by Slack. What a worker writes carries the fence of its claim: one who has lost it changes nothing."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from analysis.domain.notices import (
    ANNOUNCED,
    Announcement,
    Denial,
    GrantId,
    Loss,
    Notice,
    NoticeState,
    SealedGrant,
    Told,
)
from core.ids import WorkspaceId
from database import Row, Tx


class NoticeClaim(Struct, frozen=True):
    """A claimed notice: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    provider: str
    version: int
    fence: int
    attempts: int

    @property
    def subject(self) -> str:
        """A word for what it is about, as the vault's journal has it."""
        return f"{self.provider}-{self.version}".replace(":", "-")


async def add(tx: Tx, loss: Loss, grant_id: GrantId, announced: Announcement | None = None) -> bool:
    """Add a notice that waits for its credential; False when this version, or this listing, was noticed before."""
    added = await tx.execute(
        "notice_insert",
        provider=loss.provider,
        credential_version=loss.version,
        sequence=loss.sequence,
        grant_id=grant_id,
        company=announced.company if announced else None,
        purpose=announced.purpose if announced else None,
        in_effect_from=announced.in_effect_from if announced else None,
    )
    return added == 1


async def announcements(tx: Tx, limit: int) -> list[Told]:
    """What became of the notices of new sub-processors, the latest first."""
    rows = await tx.fetch("notices_announced", limit=limit)
    return [
        Told(
            row["company"],
            row["in_effect_from"],
            NoticeState(row["state"]),
            row["reason"],
            row["created_at"],
            row["ended_at"],
        )
        for row in rows
    ]


async def state_by_grant(tx: Tx, grant_id: GrantId) -> NoticeState | None:
    """The state of the notice that asked for a grant, locked until the transaction ends."""
    row = await tx.fetch_one("notice_by_grant", grant_id=grant_id)
    return NoticeState(row["state"]) if row else None


async def grant(tx: Tx, sealed: SealedGrant) -> None:
    """The credential has come: the notice that waits for it can be sent."""
    await tx.execute(
        "notice_granted",
        grant_id=sealed.grant_id,
        sealed=sealed.sealed,
        sealing_key_id=sealed.key_id,
        expires_at=sealed.expires_at,
        granted_version=sealed.credential_version,
    )


async def deny(tx: Tx, grant_id: GrantId, denial: Denial) -> None:
    """There is no credential: the notice that waits for it ends."""
    await tx.execute("notice_denied", grant_id=grant_id, state=denial.state.value, reason=denial.value)


async def claim(tx: Tx, limit: int, seconds: float) -> list[NoticeClaim]:
    """Claim at most `limit` notices for `seconds`; `tx` is a sweep."""
    rows = await tx.fetch("claim_notices", limit=limit, seconds=seconds)
    return [
        NoticeClaim(
            WorkspaceId(row["workspace_id"]), row["provider"], row["credential_version"], row["fence"], row["attempts"]
        )
        for row in rows
    ]


async def renew(tx: Tx, claim: NoticeClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("notice_renew", **_key(claim), seconds=seconds) == 1


async def claimed(
    tx: Tx, claim: NoticeClaim, margin_seconds: float, longest_seconds: float, today: date
) -> Notice | None:
    """The notice that was claimed; None when the claim is lost. Its grant counts as expired `margin_seconds` early."""
    row = await tx.fetch_one(
        "notice_claimed", **_key(claim), margin_seconds=margin_seconds, longest_seconds=longest_seconds, today=today
    )
    if row is None:
        return None
    return Notice(
        state=NoticeState(row["state"]),
        grant=_grant(row),
        grant_expired=row["grant_expired"],
        refused_version=row["refused_version"],
        is_due=row["is_due"],
        is_old=row["is_old"],
        workspace_name=row["workspace_name"] or "",
        announced=_announcement(claim, row),
    )


async def sending(tx: Tx, claim: NoticeClaim) -> bool:
    """Note that Slack is about to be asked; False when the claim is lost."""
    return await tx.execute("notice_sending", **_key(claim)) == 1


async def end(tx: Tx, claim: NoticeClaim, state: NoticeState, reason: str = "") -> bool:
    """End the notice and wipe its grant; False when the claim is lost. `reason` is a word, for skipped and failed."""
    return await tx.execute("notice_end", **_key(claim), state=state.value, reason=reason) == 1


async def put_back(tx: Tx, claim: NoticeClaim, seconds: float, *, counts: bool) -> None:
    """Nothing was sent: let the notice be claimed again in `seconds`; `counts` says whether that was a failure."""
    await tx.execute("notice_put_back", **_key(claim), seconds=seconds, counts=counts)


async def refused(tx: Tx, claim: NoticeClaim, seconds: float) -> bool:
    """Note that Slack has refused the credential, end the grant, and put the notice back; False when the claim is lost."""
    return await tx.execute("notice_refused", **_key(claim), seconds=seconds) == 1


async def ask_again(tx: Tx, claim: NoticeClaim, grant_id: GrantId) -> bool:
    """Let the notice wait for another grant; False when the claim is lost."""
    return await tx.execute("notice_ask_again", **_key(claim), grant_id=grant_id) == 1


def _announcement(claim: NoticeClaim, row: Row) -> Announcement | None:
    if row["in_effect_from"] is None:
        return None
    listed_on = datetime.strptime(str(claim.version), "%Y%m%d").date()  # noqa: DTZ007 - a day
    name = claim.provider.removeprefix(ANNOUNCED)
    return Announcement(name, row["company"], row["purpose"], listed_on, row["in_effect_from"])


def _key(claim: NoticeClaim) -> dict[str, object]:
    return {"provider": claim.provider, "credential_version": claim.version, "fence": claim.fence}


def _grant(row: Row) -> SealedGrant:
    return SealedGrant(
        grant_id=GrantId(row["grant_id"]),
        sealed=row["sealed"],
        key_id=row["sealing_key_id"],
        expires_at=row["grant_expires_at"],
        credential_version=row["granted_version"],
    )

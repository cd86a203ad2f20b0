"""The channels of a workspace's Slack that an admin can choose from, and how reading them goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from analysis.domain.deliveries import Channel, Granted
from analysis.domain.notices import GrantId
from analysis.store.slack_grants import granted_of
from core.ids import WorkspaceId
from database import Tx


class ListClaim(Struct, frozen=True):
    """A claimed list: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    fence: int
    attempts: int


class DueList(Struct, frozen=True):
    """A list as the worker sees it that has claimed it."""

    granted: Granted
    refused_version: int | None


class ChannelList(Struct, frozen=True):
    """What there is to choose from, as of `listed_at`. `state` waiting or ready: Slack is being asked; `reason` says why that failed."""

    channels: Sequence[Channel] = ()
    state: str = ""
    reason: str = ""
    truncated: bool = False
    listed_at: datetime | None = None

    @property
    def under_way(self) -> bool:
        """Whether Slack is being asked."""
        return self.state in {"waiting", "ready"}


async def listed(tx: Tx) -> ChannelList:
    """The channels as they were read last."""
    row = await tx.fetch_one("channel_list")
    if row is None:
        return ChannelList()
    found = [Channel(one["id"], one["name"], one["joined"]) for one in await tx.fetch("channels")]
    return ChannelList(found, row["state"], row["reason"], row["truncated"], row["listed_at"])


async def channel(tx: Tx, channel_id: str) -> Channel | None:
    """One of them."""
    row = await tx.fetch_one("channel_by_id", id=channel_id)
    return Channel(row["id"], row["name"], row["joined"]) if row else None


async def ask(tx: Tx, grant_id: GrantId, seconds: float) -> bool:
    """Have them read; False while they are, since less than `seconds` ago."""
    return await tx.execute("channel_list_ask", grant_id=grant_id, seconds=seconds) == 1


async def answered(tx: Tx, grant_id: GrantId) -> bool:
    """The vault has answered; False where no list waits for it."""
    return await tx.execute("channel_list_answered", grant_id=grant_id) == 1


async def claim(tx: Tx, limit: int, seconds: float) -> list[ListClaim]:
    """Claim at most `limit` lists for `seconds`; `tx` is a sweep."""
    rows = await tx.fetch("claim_channel_lists", limit=limit, seconds=seconds)
    return [ListClaim(WorkspaceId(row["workspace_id"]), row["fence"], row["attempts"]) for row in rows]


async def renew(tx: Tx, claim: ListClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("channel_list_renew", fence=claim.fence, seconds=seconds) == 1


async def claimed(tx: Tx, claim: ListClaim, margin_seconds: float) -> DueList | None:
    """The list that was claimed; None when the claim is lost."""
    row = await tx.fetch_one("channel_list_claimed", fence=claim.fence, margin_seconds=margin_seconds)
    return DueList(granted_of(row), row["refused_version"]) if row else None


async def put_back(tx: Tx, claim: ListClaim, seconds: float, *, counts: bool) -> None:
    """Let it be claimed again in `seconds`; `counts` says whether that was a failure."""
    await tx.execute("channel_list_put_back", fence=claim.fence, seconds=seconds, counts=counts)


async def refused(tx: Tx, claim: ListClaim, version: int, seconds: float) -> bool:
    """Note which version of the credential Slack has refused, and put it back; False when the claim is lost."""
    return await tx.execute("channel_list_refused", fence=claim.fence, version=version, seconds=seconds) == 1


async def ask_again(tx: Tx, claim: ListClaim, grant_id: GrantId) -> bool:
    """Let it wait for another grant; False when the claim is lost."""
    return await tx.execute("channel_list_ask_again", fence=claim.fence, grant_id=grant_id) == 1


async def fail(tx: Tx, claim: ListClaim, reason: str) -> bool:
    """There is no list; the one before stays. False when the claim is lost."""
    return await tx.execute("channel_list_failed", fence=claim.fence, reason=reason) == 1


async def replace(tx: Tx, claim: ListClaim, found: Sequence[Channel], *, truncated: bool) -> bool:
    """The channels, instead of those that were there; False when the claim is lost."""
    if not await tx.execute("channel_list_listed", fence=claim.fence, truncated=truncated):
        return False
    await forget(tx)
    await tx.execute(
        "channels_insert",
        ids=[one.id for one in found],
        names=[one.name for one in found],
        joined=[bool(one.joined) for one in found],
    )
    return True


async def forget(tx: Tx) -> None:
    """Nothing is left to choose from."""
    await tx.execute("channels_forget")

"""Posting to channels: each delivery once, as far as that can be known.

"asked_at" is committed before Slack is asked, Slack's id of the message after. Slack has no idempotency key; so whoever finds a delivery
that was asked for without an end does not ask again but looks for the message by the delivery's id, which went with it as metadata.

posted                       posted; its id is kept
Slack asks to wait           due again then; nothing is counted
Slack was not reached        due again, later each time, for a day
Slack refuses the credential the vault is told and asked for another grant; it fails where that holds the version that was refused
Slack declines               failed, with Slack's word for it
no answer that tells         looked for once `LOOK_SECONDS` have passed, in which whatever is under way arrives:
    found                    posted
    not there                posted anew
    Slack does not let look  unclear: it may have been posted; a person decides whether it is posted again
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct, field

import core.log
from analysis import events
from analysis.domain.deliveries import DeliveryState, Due, Kind
from analysis.domain.notices import GrantId, SealedGrant
from analysis.handlers.deliveries import ask_vault, target
from analysis.slack.client import AskedToWait, CredentialRefused, Declined, NotPosted, Slack, Unclear
from analysis.slack.credential import REQUESTER, Credential, Door
from analysis.slack.messages import ChannelMessage, failure_message, report_message
from analysis.slack.reports import posted_report
from analysis.store import deliveries, page_notices, reports, runs, schedules, slack_grants
from analysis.store.deliveries import DeliveryClaim
from analysis.workers.backoff import Backoff
from analysis.workers.channels import ChannelWork
from analysis.workers.notices import MARGIN_SECONDS, RENEWAL_SECONDS
from analysis.workers.pool import PoolSettings, WorkPool
from core.errors import Permanent
from core.faultpoints import reach
from core.ids import uuid7
from database import Database, Tx
from messaging import Outbox

log = core.log.logger("analysis.deliveries")

# Who has not been told within a day has seen the report by then.
LONGEST_SECONDS = 86_400.0
# From asking Slack to looking for the message. The client gives up after 15; what Slack has taken in by then is there long before this.
LOOK_SECONDS = 60.0
# How far before the database's time of asking is looked: Slack's clock may be behind.
SKEW = timedelta(minutes=5)

_NOT_READABLE = "history_not_readable"


class DeliveryWork(Struct, frozen=True):
    """The work of posting one delivery. `address` is where Callmine's pages are."""

    db: Database
    outbox: Outbox
    door: Door
    slack: Slack
    address: str
    backoff: Backoff = field(default_factory=lambda: Backoff(base=2.0, longest=600.0))

    async def claim(self, limit: int, seconds: float) -> Sequence[DeliveryClaim]:
        """Deliveries that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            return await deliveries.claim(tx, limit, seconds)

    async def renew(self, claim: DeliveryClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await deliveries.renew(tx, claim, seconds)

    async def do(self, claim: DeliveryClaim) -> None:
        """Post one delivery, look for it, or end it. No transaction is open while Slack is asked."""
        async with self.db.workspace(claim.workspace_id) as tx:
            due = await deliveries.claimed(tx, claim, MARGIN_SECONDS, LONGEST_SECONDS)
            if due is None or await self._settled(tx, claim, due):
                return
            message = await self._message(tx, due) if due.asked_at is None else None
            if message is None and due.asked_at is None:
                await self._ended(tx, claim, due, DeliveryState.SKIPPED, "hidden")
                return
        try:
            credential = self.door.open(claim.workspace_id, _sealed(due))
        except Permanent:
            await self._fail(claim, due, "credential_closed")
            return
        if message is None:
            await self._look(claim, due, credential)
        elif await self._begun(claim):
            reach("analysis.delivery.asking")
            await self._post(claim, due, credential, message)

    async def _settled(self, tx: Tx, claim: DeliveryClaim, due: Due) -> bool:
        """Whether there is nothing to be done now, or not with this grant."""
        if due.granted.denial:
            await self._ended(tx, claim, due, DeliveryState.SKIPPED, due.granted.denial)
        elif due.is_old:
            await self._ended(tx, claim, due, DeliveryState.SKIPPED, "too_late")
        elif due.asked_at is None and await target(tx, due.run_id) is None:
            await self._ended(tx, claim, due, DeliveryState.SKIPPED, "switched_off")
        elif due.asked_at is not None and due.asked_seconds_ago < LOOK_SECONDS:
            # Whoever asked has died, or got no answer that tells.
            await deliveries.put_back(tx, claim, LOOK_SECONDS - due.asked_seconds_ago, counts=False)
        elif due.granted.expired:
            await self._ask_again(tx, claim, due)
        else:
            return False
        return True

    async def _message(self, tx: Tx, due: Due) -> ChannelMessage | None:
        """What is posted; None where the plan no longer shows it."""
        run = await runs.run(tx, due.run_id)
        report = await reports.report(tx, due.report_id) if due.report_id else None
        if run is None or (due.kind is Kind.REPORT and report is None):
            return None
        origin = await schedules.origin(tx, due.run_id)
        title = origin.title if origin else run.question.title
        if report is None:
            return failure_message(title, f"{self.address}/runs/{run.id}")
        posted = posted_report(report.document, title, scheduled=origin is not None)
        return report_message(posted, f"{self.address}/reports/{report.id}")

    async def _begun(self, claim: DeliveryClaim) -> bool:
        async with self.db.workspace(claim.workspace_id) as tx:
            begun = await deliveries.asking(tx, claim)
            reach("analysis.delivery.before_asking")
        return begun

    async def _post(self, claim: DeliveryClaim, due: Due, credential: Credential, message: ChannelMessage) -> None:
        try:
            message_ts = await self.slack.deliver(credential, due.channel.id, message, due.id)
        except CredentialRefused as error:
            await self._refused(claim, due, error)
        except AskedToWait as error:
            await self._not_asked(claim, self.backoff.wait(claim.attempts, error.retry_after), counts=False)
        except NotPosted:
            await self._not_asked(claim, self.backoff.wait(claim.attempts), counts=True)
        except Declined as error:
            await self._end(claim, due, DeliveryState.FAILED, error.code)
        except Unclear:
            log.warning("whether a report was posted to Slack is not known; it is looked for", delivery=str(due.id))
            await self._put_back(claim, LOOK_SECONDS, counts=False)
        else:
            reach("analysis.delivery.posted")
            await self._end(claim, due, DeliveryState.POSTED, message_ts=message_ts)

    async def _look(self, claim: DeliveryClaim, due: Due, credential: Credential) -> None:
        """Look for a message whose posting had no clear end."""
        assert due.asked_at is not None, "only what was asked for is looked for"  # noqa: S101
        try:
            found = await self.slack.find(credential, due.channel.id, due.id, due.asked_at - SKEW)
        except CredentialRefused as error:
            await self._refused(claim, due, error)
        except AskedToWait as error:
            await self._put_back(claim, self.backoff.wait(claim.attempts, error.retry_after), counts=False)
        except NotPosted:
            await self._put_back(claim, self.backoff.wait(claim.attempts), counts=True)
        except (Declined, Unclear):
            await self._end(claim, due, DeliveryState.UNCLEAR, _NOT_READABLE)
        else:
            reach("analysis.delivery.looked")
            if found is None:
                await self._not_asked(claim, self.backoff.wait(claim.attempts), counts=True)
            else:
                await self._end(claim, due, DeliveryState.POSTED, message_ts=found)

    async def _refused(self, claim: DeliveryClaim, due: Due, error: CredentialRefused) -> None:
        """Another grant may hold a token that was renewed meanwhile. A version that was refused twice is not asked for again.

        Nothing was posted by the request that was refused; one before it may have been.
        """
        sealed = _sealed(due)
        again = sealed.credential_version == due.refused_version
        async with self.db.workspace(claim.workspace_id) as tx:
            if again:
                held = await self._ended(tx, claim, due, DeliveryState.FAILED, "credential_refused")
            else:
                if due.asked_at is None:
                    await deliveries.not_asked(tx, claim, RENEWAL_SECONDS, counts=True)
                held = await deliveries.refused(tx, claim, sealed.credential_version, RENEWAL_SECONDS)
                await slack_grants.end(tx, sealed.grant_id)
            if held:
                told = events.credential_rejected(sealed, error.provider_status)
                # After the request of the same grant, whose number is 1.
                await self.outbox.add(tx, told, aggregate_id=str(sealed.grant_id), sequence=2, requester=REQUESTER)
            reach("analysis.delivery.refused")

    async def _ask_again(self, tx: Tx, claim: DeliveryClaim, due: Due) -> None:
        grant_id = GrantId(uuid7())
        await slack_grants.end(tx, due.granted.id)
        await slack_grants.ask(tx, grant_id)
        if await deliveries.ask_again(tx, claim, grant_id):
            await ask_vault(tx, self.outbox, grant_id, f"{due.kind.value}-{due.run_id}")

    async def _not_asked(self, claim: DeliveryClaim, seconds: float, *, counts: bool) -> None:
        log.info("a report is posted to Slack later", delivery=str(claim.id), seconds=round(seconds))
        async with self.db.workspace(claim.workspace_id) as tx:
            await deliveries.not_asked(tx, claim, seconds, counts=counts)

    async def _put_back(self, claim: DeliveryClaim, seconds: float, *, counts: bool) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await deliveries.put_back(tx, claim, seconds, counts=counts)

    async def _fail(self, claim: DeliveryClaim, due: Due, reason: str) -> None:
        await self._end(claim, due, DeliveryState.FAILED, reason)

    async def _end(
        self,
        claim: DeliveryClaim,
        due: Due,
        state: DeliveryState,
        reason: str = "",
        message_ts: str | None = None,
    ) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await self._ended(tx, claim, due, state, reason, message_ts)
            reach("analysis.delivery.before_commit")

    async def _ended(
        self,
        tx: Tx,
        claim: DeliveryClaim,
        due: Due,
        state: DeliveryState,
        reason: str = "",
        message_ts: str | None = None,
    ) -> bool:
        """End it, unless the claim is lost. What may have been posted ends as unclear, whatever else is in the way."""
        if due.asked_at is not None and state is not DeliveryState.POSTED:
            state = DeliveryState.UNCLEAR
        if not await deliveries.end(tx, claim, state, reason, message_ts):
            return False
        await slack_grants.end(tx, due.granted.id)
        if state is DeliveryState.POSTED:
            await page_notices.settled(tx, due.run_id)
        elif reason not in _UNTOLD:
            await page_notices.tell_of_delivery(tx, due.run_id)
        tx.on_commit(lambda: _log_end(claim, state, reason))
        return True


class Posters:
    """Those who post reports and read channels: the two pools for Slack of one process."""

    def __init__(
        self, db: Database, outbox: Outbox, door: Door, slack: Slack, address: str, settings: PoolSettings
    ) -> None:
        posting = DeliveryWork(db, outbox, door, slack, address)
        self._pools = (
            WorkPool("delivery", posting, settings),
            WorkPool("channels", ChannelWork(db, outbox, door, slack), settings),
        )

    def wake(self) -> None:
        """There may be work: look now rather than at the next poll."""
        for pool in self._pools:
            pool.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for pool in self._pools:
                group.create_task(pool.run())


# Of what an admin has done, or cannot see any more, nobody needs to be told.
_UNTOLD = frozenset({"switched_off", "hidden"})


def _sealed(due: Due) -> SealedGrant:
    sealed = due.granted.sealed
    assert sealed is not None, "what has no grant was settled before"  # noqa: S101
    return sealed


def _log_end(claim: DeliveryClaim, state: DeliveryState, reason: str) -> None:
    say = log.info if state in (DeliveryState.POSTED, DeliveryState.SKIPPED) else log.warning
    say(_ENDS[state], delivery=str(claim.id), cause=reason)


_ENDS = {
    DeliveryState.POSTED: "a report was posted to Slack",
    DeliveryState.SKIPPED: "a report is not posted to Slack",
    DeliveryState.FAILED: "a report could not be posted to Slack",
    DeliveryState.UNCLEAR: "whether a report was posted to Slack is not known; it is not repeated",
}

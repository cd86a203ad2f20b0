"""The worker that reads at Stripe what is to be read again.

    claim (committed) -> read -> settle

At least once: whoever dies in between leaves a lease that runs out. What is read twice is settled once, since the claim's fence guards the
transaction that settles it; what was asked for while it was being read is read again afterwards. So the last state that was read is always
one that Stripe had after the last event that was heard of.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct, field

from core.context import working_for
from core.errors import CallmineError, Permanent, Transient
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Database, Tx
from retention.domain.billing import SUBSCRIPTIONS
from retention.handlers.settling import Failure, Settling
from retention.store import billing, readings
from retention.store.readings import Claim, Due
from retention.stripe.client import Missing, Stripe

log = logger("retention.readings")

Settle = Callable[[Tx], Awaitable[None]]


class ReaderSettings(Struct, frozen=True):
    """Times are in seconds.

    The defaults: a lease outlives the calls of a reading and the transaction after them; pauses grow from a few seconds to an hour, since
    somebody may be waiting for what they paid, and an outage of Stripe's is over some time.
    """

    at_once: int = 4
    lease_seconds: float = 120.0
    call_seconds: float = 60.0
    first_delay: float = 2.0
    longest_delay: float = 3600.0

    def delay_after(self, attempts: int) -> float:
        """Seconds to wait after so many attempts: doubling, with jitter."""
        delay = min(self.longest_delay, self.first_delay * 2.0 ** min(attempts - 1, 30))
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing


class _Again(Struct, frozen=True):
    """Stripe could not be read: why not, and in how many seconds it may be asked again (None for the usual pause)."""

    why: str
    seconds: float | None = None


class Reader(Struct, frozen=True):
    """Reads what is due."""

    db: Database
    stripe: Stripe
    settling: Settling
    settings: ReaderSettings = field(default_factory=ReaderSettings)

    async def once(self) -> bool:
        """Read what is due now, some at once; False when nothing was. Raises Transient when the database is away."""
        due = await readings.due(self.db, self.settings.at_once)
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(self.read(one)) for one in due]
        return any(task.result() for task in made)

    async def read(self, due: Due) -> bool:
        """Make one reading that is due; False when somebody else makes it, or has."""
        with working_for(due.workspace_id, due.subject):
            async with self.db.workspace(due.workspace_id) as tx:
                claim = await readings.claim(tx, due.subject, self.settings.lease_seconds)
                if claim is None:
                    return False
                account = await billing.account(tx)
            reach("reading.after_claim")
            known = account.customer_id if account and not account.customer_deleted else ""
            found = await self._asked(due.workspace_id, claim, known)
            reach("reading.after_call")
            async with self.db.workspace(due.workspace_id) as tx:
                if isinstance(found, _Again):
                    await self._put_off(tx, claim, found)
                else:
                    await found(tx)
                reach("reading.before_commit")
            reach("reading.after_commit")
        return True

    async def _asked(self, workspace_id: WorkspaceId, claim: Claim, known: str) -> Settle | _Again:
        """What Stripe says, as what is to be done about it."""
        try:
            async with asyncio.timeout(self.settings.call_seconds):
                return await self._ask(workspace_id, claim, known)
        except Missing:
            return self._refusal(claim, "there is no such thing at Stripe")
        except Transient as error:
            return _Again(str(error), error.retry_after)
        except TimeoutError:
            return _Again("Stripe did not answer in time")
        except Permanent as error:
            return _Again(str(error), self.settings.longest_delay)
        except CallmineError:
            raise
        except Exception as error:  # noqa: BLE001 - one answer's surprise must not stop the others' readings
            log.error("a reading failed in a way nobody foresaw", error=error)
            return _Again("a reading failed in a way nobody foresaw", self.settings.longest_delay)

    async def _ask(self, workspace_id: WorkspaceId, claim: Claim, known: str) -> Settle:
        if claim.subject == SUBSCRIPTIONS:
            return await self._ask_subscriptions(workspace_id, claim, known)
        if claim.subject.startswith("in_"):
            record = await self.stripe.invoice(claim.subject)
            failure = Failure("invoice", record.id, record.status or "", record.attempt_count)
            return lambda tx: self.settling.invoice(tx, claim, failure, record.customer or "")
        session = await self.stripe.session(claim.subject)
        return lambda tx: self.settling.session(tx, claim, session)

    async def _ask_subscriptions(self, workspace_id: WorkspaceId, claim: Claim, known: str) -> Settle:
        """Of the workspace's own customer; where it has none, of the one that a webhook named, if that one names the workspace."""
        customer_id = known or claim.customer_id
        if not customer_id:
            return self._refusal(claim, "the workspace has no customer at Stripe")
        customer = await self.stripe.customer(customer_id)
        if customer_id != known and customer.workspace != workspace_id:
            return self._refusal(claim, "the customer names another workspace, or none")
        picture = await self.stripe.picture(customer, claim.now)
        return lambda tx: self.settling.subscriptions(tx, claim, picture)

    def _refusal(self, claim: Claim, why: str) -> Settle:
        return lambda tx: self.settling.refuse(tx, claim, why)

    async def _put_off(self, tx: Tx, claim: Claim, put_off: _Again) -> None:
        delay = self.settings.delay_after(claim.attempts)
        seconds = delay if put_off.seconds is None else min(max(put_off.seconds, 1.0), self.settings.longest_delay)
        await readings.again(tx, claim, seconds, put_off.why)
        log.warning("a reading of Stripe is put off", seconds=round(seconds), attempts=claim.attempts)

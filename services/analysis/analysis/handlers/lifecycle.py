"""A run's way from queued to its end. The lock on the run's row is taken before its calls are touched, everywhere, so that nobody waits
in a circle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from google.protobuf.message import Message
from msgspec import Struct
from msgspec.structs import replace

from analysis import events
from analysis.domain.request import RunId
from analysis.domain.run import Run, RunState
from analysis.handlers.deliveries import run_failed as deliver_failure
from analysis.store import plans, reports, runs
from contracts import Actor, Event
from core.clock import Clock
from core.ids import uuid7
from database import Tx
from messaging import Outbox
from telemetry.instruments import RUNS


class Lifecycle(Struct, frozen=True):
    """Moves runs. `wake` is called after a commit that left work for the workers: a hint, nothing depends on it."""

    outbox: Outbox
    wake: Callable[[], None]
    clock: Clock

    async def dispatch(self, tx: Tx, *, actor: Actor | None = None, cause: Event[Message] | None = None) -> None:
        """Start queued runs, the oldest first, as far as the plan's concurrency and quota go."""
        await plans.lock_quota(tx)
        plan = await plans.plan_of(tx)
        while await runs.runs_under_way(tx) < plan.concurrent_runs:
            queued = await runs.next_queued(tx)
            if queued is None:
                return
            quota = await plans.quota_of(tx, plan, self.clock.now())
            if quota.left < queued.least_calls:
                reason = f"the {plan.title} plan's analysed calls of this month were used up before the run's turn came"
                await self._close(tx, queued.id, RunState.FAILED, reason, actor, cause)
            elif quota.free < queued.least_calls:
                return
            else:
                await self._start(tx, queued, queued.calls_analysed + min(queued.most_calls, quota.free), actor, cause)

    async def end(
        self,
        tx: Tx,
        run_id: RunId,
        state: RunState,
        reason: str,
        *,
        actor: Actor | None = None,
        cause: Event[Message] | None = None,
    ) -> bool:
        """End a run without a report and let the next one begin; False when it had ended already."""
        if not await self._close(tx, run_id, state, reason, actor, cause):
            return False
        await self.dispatch(tx, cause=cause)
        return True

    async def resume(self, tx: Tx, run: Run, *, actor: Actor) -> None:
        """Go on with a failed run, which the caller has locked, from the calls that are done."""
        await runs.resume_run(tx, run, uuid7())
        await self.dispatch(tx, actor=actor)

    async def settle(self, tx: Tx, run_id: RunId, cause: Event[Message] | None = None) -> None:
        """After a call is done or the fetch has ended: when nothing is open any more, have the summary written."""
        run = await runs.lock_run(tx, run_id)
        if run is None or run.state is not RunState.RUNNING:
            return
        if run.calls_expected == 0:
            # What matched was erased on its way here, with the data of somebody who took part.
            await self.end(tx, run_id, RunState.NO_MATCH, "the calls that matched have been erased", cause=cause)
            return
        if not run.calls_complete:
            return
        if run.calls_analysed == 0:
            await self.end(tx, run_id, RunState.FAILED, await self._why_none(tx, run), cause=cause)
            return
        await reports.queue_synthesis(tx, run_id)
        tx.on_commit(self.wake)

    async def meter(self, tx: Tx, run_id: RunId, call_ids: Sequence[str]) -> None:
        """A unit for each of some analysed calls; whoever listens is told when that reaches a threshold of the month."""
        plan, now = await plans.plan_of(tx), self.clock.now()
        metered = await plans.meter_calls(tx, run_id, call_ids, plan, now)
        reached = metered.reached(plan.monthly_calls)
        if not reached:
            return
        quota, month = await plans.quota_of(tx, plan, now), plan.month(now)
        # The plan has paid for all calls up to either threshold, so that nothing bought was used by then.
        bought = quota.addon_calls + metered.by_addon
        for percent, used in reached:
            told = events.threshold_reached(percent, replace(quota, used=used, addon_calls=bought), month)
            # Rises with the months, and within one.
            sequence = 1_000 * month.number + percent
            await self.outbox.add(tx, told, aggregate_id=tx.workspace_id, sequence=sequence)

    async def _why_none(self, tx: Tx, run: Run) -> str:
        failed = await runs.failed_calls(tx, run.id)
        first = f": {failed[0].reason}" if failed else ""
        return f"none of the {run.calls_failed} calls could be analysed{first}"

    async def _start(
        self, tx: Tx, queued: runs.Queued, call_limit: int, actor: Actor | None, cause: Event[Message] | None
    ) -> None:
        sequence = await runs.start_run(tx, queued.id, call_limit)
        if sequence is None:
            return
        tx.on_commit(partial(RUNS.add, state=RunState.RUNNING.value))
        if queued.calls_expected is None:
            request = events.fetch_requested(queued.fetch_id, queued.question.filter, call_limit)
            await self._tell(tx, request, queued.id, sequence, actor, cause)
        else:
            # Resumed, and its calls are all here.
            await runs.reopen_calls(tx, queued.id)
            await self.settle(tx, queued.id, cause)
            tx.on_commit(self.wake)

    async def _close(
        self, tx: Tx, run_id: RunId, state: RunState, reason: str, actor: Actor | None, cause: Event[Message] | None
    ) -> bool:
        run = await runs.lock_run(tx, run_id)
        sequence = await runs.end_run(tx, run_id, state, reason)
        if run is None or sequence is None:
            return False
        tx.on_commit(partial(RUNS.add, state=state.value))
        if state is RunState.FAILED:
            await self._tell(tx, events.run_failed(run_id, reason), run_id, sequence, actor, cause)
            await deliver_failure(tx, self.outbox, run)
        if state is RunState.CANCELLED:
            await self._tell(tx, events.run_cancelled(run_id), run_id, sequence, actor, cause)
            if run.calls_analysed:
                await reports.queue_partial_synthesis(tx, run_id)
                tx.on_commit(self.wake)
        if run.state is RunState.RUNNING and not run.fetch_complete and state is not RunState.NO_MATCH:
            await self._tell(tx, events.fetch_cancelled(run.fetch_id), run_id, sequence, actor, cause)
        return True

    async def _tell(
        self,
        tx: Tx,
        payload: Message,
        run_id: RunId,
        sequence: int,
        actor: Actor | None,
        cause: Event[Message] | None,
    ) -> None:
        await self.outbox.add(tx, payload, aggregate_id=str(run_id), sequence=sequence, actor=actor, cause=cause)

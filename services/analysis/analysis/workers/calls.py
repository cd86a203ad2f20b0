"""Analysing calls: load, ask the model once, check every quote, store result, meter and announce in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis import events
from analysis.domain.finding import CallAnalysis, check_answer
from analysis.domain.run import RunState
from analysis.domain.transcript import Call, UnreadableCall, parse_call
from analysis.handlers.lifecycle import Lifecycle
from analysis.models import prompts
from analysis.models.answers import read_call_answer
from analysis.models.masking import Mask
from analysis.models.port import AccountRefused, BadAnswer, LanguageModel
from analysis.store import calls, preferences, runs
from analysis.store.call_objects import read_call
from analysis.store.runs import StoredCall
from analysis.workers.backoff import Backoff
from cloud.objects import ObjectStore
from core.errors import Permanent, Transient
from core.faultpoints import reach
from database import Database, Tx
from messaging import Outbox

# A model that did not answer usably three times will not the fourth time.
MOST_BAD_ANSWERS = 3

# Claims of one call, whatever ended them: with a provider away and the longest waits between, about half an hour.
MOST_ATTEMPTS = 30


@dataclass(frozen=True, slots=True)
class CallWork:
    """The work of analysing one call."""

    db: Database
    outbox: Outbox
    lifecycle: Lifecycle
    objects: ObjectStore
    models: Mapping[str, LanguageModel]
    backoff: Backoff = field(default_factory=Backoff)

    async def claim(self, limit: int, seconds: float) -> Sequence[calls.CallClaim]:
        """Calls that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            return await calls.claim_calls(tx, limit, seconds)

    async def renew(self, claim: calls.CallClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await calls.renew_call(tx, claim, seconds)

    async def do(self, claim: calls.CallClaim) -> None:
        """Analyse one call. No transaction is open while storage or the model is asked."""
        async with self.db.workspace(claim.workspace_id) as tx:
            claimed = await calls.claimed_call(tx, claim)
            mask = Mask(on=(await preferences.of_workspace(tx)).mask_personal_data)
        if claimed is None:
            return
        if claim.attempts > MOST_ATTEMPTS:
            await self._fail(claim, "", f"it could not be analysed in {MOST_ATTEMPTS} attempts")
            return
        title = ""
        try:
            call = await self._load(claim, claimed)
            title = call.title
            result = await self._ask(call, claimed, mask)
        except AccountRefused as error:
            await self._end_run(claim, str(error))
        except BadAnswer as error:
            await self._answered_badly(claim, title, error)
        except Transient as error:
            await self._put_back(claim, str(error), error.retry_after)
        except Permanent as error:
            reason = str(error) if isinstance(error, UnreadableCall) else "the stored call could not be read"
            await self._fail(claim, title, reason)
        else:
            reach("analysis.call.answered")
            await self._store(claim, result)

    async def _load(self, claim: calls.CallClaim, claimed: calls.ClaimedCall) -> Call:
        stored = StoredCall(claimed.object_name, claimed.sha256)
        call = parse_call(await read_call(self.objects, claim.workspace_id, stored))
        if call.call_id != claim.call_id:
            raise UnreadableCall("the stored call is another one than was announced")
        if not call.sentences:
            raise UnreadableCall("the call has an empty transcript")
        return call

    async def _ask(self, call: Call, claimed: calls.ClaimedCall, mask: Mask) -> CallAnalysis:
        question = claimed.question
        model = self.models.get(question.model)
        if model is None:
            raise AccountRefused(f"the model {question.model} is not offered any more; choose another one")
        # Masking a long call takes a while of computing, in which other work has its turn.
        prompt = await asyncio.to_thread(prompts.analyse_call, question.brief, call, mask)
        answer = read_call_answer(await model.ask(prompt), mask)
        return check_answer(call, answer)

    async def _store(self, claim: calls.CallClaim, result: CallAnalysis) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            if not await self._finish(tx, claim, "analysed", result.title, ""):
                return
            await calls.insert_analysis(tx, claim.run_id, result)
            await self.lifecycle.meter(tx, claim.run_id, result.call_id)
            sequence = await calls.count_done(tx, claim.run_id, analysed=True)
            await self.outbox.add(
                tx,
                events.call_analysed(claim.run_id, result),
                aggregate_id=str(claim.run_id),
                sequence=sequence or 0,
            )
            await self.lifecycle.settle(tx, claim.run_id)
            reach("analysis.call.before_commit")

    async def _fail(self, claim: calls.CallClaim, title: str, reason: str) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            if not await self._finish(tx, claim, "failed", title, reason):
                return
            sequence = await calls.count_done(tx, claim.run_id, analysed=False)
            failed = events.call_failed(claim.run_id, claim.call_id)
            await self.outbox.add(tx, failed, aggregate_id=str(claim.run_id), sequence=sequence or 0)
            await self.lifecycle.settle(tx, claim.run_id)

    async def _finish(self, tx: Tx, claim: calls.CallClaim, state: str, title: str, reason: str) -> bool:
        """End the claim, the run's lock first; False when the run has ended or the claim is not the latest."""
        run = await runs.lock_run(tx, claim.run_id)
        if run is None or run.state is not RunState.RUNNING:
            return False
        return await calls.finish_call(tx, claim, state, title, reason)

    async def _answered_badly(self, claim: calls.CallClaim, title: str, error: BadAnswer) -> None:
        if error.hopeless or claim.bad_answers + 1 >= MOST_BAD_ANSWERS:
            await self._fail(claim, title, str(error))
            return
        async with self.db.workspace(claim.workspace_id) as tx:
            wait = self.backoff.wait(claim.bad_answers + 1)
            await calls.put_back_call(tx, claim, wait, str(error), bad_answer=True)

    async def _put_back(self, claim: calls.CallClaim, reason: str, retry_after: float | None) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            wait = self.backoff.wait(claim.attempts, retry_after)
            await calls.put_back_call(tx, claim, wait, reason, bad_answer=False)

    async def _end_run(self, claim: calls.CallClaim, reason: str) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await self.lifecycle.end(tx, claim.run_id, RunState.FAILED, reason)

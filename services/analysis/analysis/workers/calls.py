"""Analysing calls: load, ask the model, check every quote, store result, meter and announce in one transaction.

What comes close together is one transaction: claims of a workspace begin together, and results of a run are stored together. More calls
are claimed than are asked about at a time, so that the next question is ready when a place is free.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.structs import replace

from analysis import events
from analysis.domain.request import RunId
from analysis.domain.run import RunState
from analysis.domain.transcript import Call, UnreadableCall, parse_call
from analysis.handlers.lifecycle import Lifecycle
from analysis.models.analyst import analyse
from analysis.models.asking import About, Asker, Conversation
from analysis.models.masking import Mask
from analysis.models.port import AccountRefused, BadAnswer
from analysis.store import calls, model_requests, plans, preferences, runs
from analysis.store.call_objects import read_call
from analysis.store.calls import CallClaim, CallEnd, ClaimedCall
from analysis.store.runs import StoredCall
from analysis.workers.backoff import Backoff
from analysis.workers.batches import Batches
from analysis.workers.places import Places
from analysis.workers.turns import Turns
from cloud.objects import ObjectStore
from core.errors import Permanent, Transient
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from messaging import Draft, Outbox
from telemetry import span
from telemetry.instruments import WORK_SECONDS

# A model that did not answer usably three times will not the fourth time.
MOST_BAD_ANSWERS = 3

# Claims of one call, whatever ended them: with a provider away and the longest waits between, about half an hour.
MOST_ATTEMPTS = 30

# Another process may be quicker; after so many tries in a row there is little left to claim.
_MOST_TRIES = 3

# Calls read from storage at a time: hundreds a second at its usual latency. All claims of a run's beginning at once would open a connection
# each, and the first question would wait for all the handshakes.
_LOADS_AT_ONCE = 16

# While many calls are under way, results wait so long for others to be stored with (seconds); with few nobody waits.
_LINGER, _MANY = 0.05, 8


class Begun(Struct, frozen=True):
    """What a claimed call is about, None where the claim is lost, and how its workspace lets models be asked."""

    call: ClaimedCall | None
    masks: bool
    stand_ins: Sequence[str]


class CallWork:
    """The work of analysing one call. `held` has the claims of this process; `places` says how many questions are asked at a time."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        lifecycle: Lifecycle,
        objects: ObjectStore,
        asker: Asker,
        backoff: Backoff,
        places: Places,
        held: set[CallClaim],
    ) -> None:
        self.db = db
        self.outbox = outbox
        self.lifecycle = lifecycle
        self.objects = objects
        self.asker = asker
        self.backoff = backoff
        self.places = places
        self._held = held
        self._turns = calls.Turns()
        self._random = random.SystemRandom()
        self._loading = asyncio.Semaphore(_LOADS_AT_ONCE)
        self._preparing = Turns()
        self._beginning = Batches[WorkspaceId, CallClaim, Begun](self._begin)
        self._storing = Batches[tuple[WorkspaceId, RunId], CallEnd, None](self._store, linger=self._linger)

    async def claim(self, limit: int, seconds: float) -> Sequence[CallClaim]:
        """Calls that nobody works on, of any workspace: first of those that hold least in this process."""
        found: list[CallClaim] = []
        for _ in range(_MOST_TRIES):
            held = Counter((claim.workspace_id, claim.run_id) for claim in (*self._held, *found))
            turns = replace(self._turns, held=held, seed=self._random.getrandbits(63))
            async with self.db.sweep() as tx:
                claims, self._turns = await calls.claim_calls(tx, limit - len(found), seconds, turns)
                reach("analysis.call.claiming")
            found.extend(claims)
            if not self._turns.missed:
                break
        return found

    async def renew(self, claim: CallClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await calls.renew_call(tx, claim, seconds)

    async def do(self, claim: CallClaim) -> None:
        """Analyse one call. No transaction is open while storage or the model is asked."""
        started = time.monotonic()
        begun = await self._beginning.do(claim.workspace_id, claim)
        reach("analysis.call.begun")
        if begun.call is None:
            return
        with span(
            "analyse call", parent=begun.call.traceparent, run_id=str(claim.run_id), attempt=claim.attempts
        ) as made:
            outcome = await self._analysed(claim, begun, begun.call)
            made.note(work=outcome)
        WORK_SECONDS.record(time.monotonic() - started, stage="call", outcome=outcome)

    async def _analysed(self, claim: CallClaim, begun: Begun, claimed: ClaimedCall) -> str:
        """Analyse it; how that ended, in a word."""
        if claim.attempts > MOST_ATTEMPTS:
            await self._fail(claim, "", f"it could not be analysed in {MOST_ATTEMPTS} attempts")
            return "failed"
        question, title = claimed.question, ""
        talk = self.asker.about(_about(claim, claimed), question.model, begun.stand_ins, lambda: self._place(claim))
        try:
            talk.ready()
            call = await self._load(claim, claimed)
            title = call.title
            reach("analysis.call.loaded")
            result = await analyse(talk, question.brief, call, Mask(on=begun.masks), self._preparing.one)
        except AccountRefused as error:
            await self._end_run(claim, talk, str(error))
            return "refused"
        except BadAnswer as error:
            await self._answered_badly(claim, talk, title, error)
            return "answered_badly"
        except Transient as error:
            await self._put_back(claim, talk, str(error), error.retry_after)
            return "put_off"
        except Permanent as error:
            reason = str(error) if isinstance(error, UnreadableCall) else "the stored call could not be read"
            await self._fail(claim, title, reason, talk)
            return "failed"
        else:
            reach("analysis.call.answered")
            analysis = replace(result, models=talk.answered_by)
            await self._end(CallEnd(claim, result.title, analysis=analysis, requests=talk.take_requests()))
            reach("analysis.call.stored")
        return "done"

    async def _begin(self, workspace_id: WorkspaceId, claims: Sequence[CallClaim]) -> list[Begun]:
        """What some claims of a workspace are about, and what it has chosen."""
        async with self.db.workspace(workspace_id) as tx:
            chosen = await preferences.of_workspace(tx)
            stand_ins = (await plans.plan_of(tx)).models if chosen.other_provider_fallback else ()
            found = await calls.claimed_calls(tx, claims)
            return [Begun(claimed, chosen.mask_personal_data, stand_ins) for claimed in found]

    @asynccontextmanager
    async def _place(self, claim: CallClaim) -> AsyncIterator[None]:
        """A place for a question that is on its way."""
        async with self.places.one(claim.workspace_id):
            reach("analysis.call.asking")
            yield

    async def _load(self, claim: CallClaim, claimed: ClaimedCall) -> Call:
        stored = StoredCall(claimed.object_name, claimed.sha256)
        async with self._loading:
            document = await read_call(self.objects, claim.workspace_id, stored)
        async with self._preparing.one():
            call = parse_call(document)
        if call.call_id != claim.call_id:
            raise UnreadableCall("the stored call is another one than was announced")
        if not call.sentences:
            raise UnreadableCall("the call has an empty transcript")
        return call

    async def _store(self, key: tuple[WorkspaceId, RunId], ends: Sequence[CallEnd]) -> list[None]:
        """End some calls of a run, the run's lock first; nothing where it has ended, nor for a claim that is not the latest."""
        workspace_id, run_id = key
        async with self.db.workspace(workspace_id) as tx:
            reach("analysis.call.storing")
            run = await runs.lock_run(tx, run_id)
            # They went out and cost what they cost, also where a result comes too late.
            await model_requests.insert(tx, [request for end in ends for request in end.requests])
            if run is not None and run.state is RunState.RUNNING:
                await self._ended(tx, run_id, await calls.finish_calls(tx, run_id, ends))
            reach("analysis.call.before_commit")
        return [None] * len(ends)

    async def _ended(self, tx: Tx, run_id: RunId, ends: Sequence[CallEnd]) -> None:
        """Store what came of the calls whose claims have just ended, meter and announce it."""
        reach("analysis.call.finished")
        if not ends:
            return
        analyses = [end.analysis for end in ends if end.analysis]
        if analyses:
            await calls.insert_analyses(tx, run_id, analyses)
            reach("analysis.call.inserted")
            await self.lifecycle.meter(tx, run_id, [one.call_id for one in analyses])
            reach("analysis.call.metered")
        last = await calls.count_done(tx, run_id, analysed=len(analyses), failed=len(ends) - len(analyses)) or 0
        first = last - len(ends) + 1
        await self.outbox.add_many(tx, [_told(run_id, end, first + number) for number, end in enumerate(ends)])
        await self.lifecycle.settle(tx, run_id)

    async def _end(self, end: CallEnd) -> None:
        await self._storing.do((end.claim.workspace_id, end.claim.run_id), end)

    async def _fail(self, claim: CallClaim, title: str, reason: str, talk: Conversation | None = None) -> None:
        await self._end(CallEnd(claim, title, reason, requests=talk.take_requests() if talk else ()))

    async def _answered_badly(self, claim: CallClaim, talk: Conversation, title: str, error: BadAnswer) -> None:
        if error.hopeless or claim.bad_answers + 1 >= MOST_BAD_ANSWERS:
            await self._fail(claim, title, str(error), talk)
            return
        async with self.db.workspace(claim.workspace_id) as tx:
            await model_requests.insert(tx, talk.take_requests())
            wait = self.backoff.wait(claim.bad_answers + 1)
            await calls.put_back_call(tx, claim, wait, str(error), bad_answer=True)

    async def _put_back(self, claim: CallClaim, talk: Conversation, reason: str, retry_after: float | None) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await model_requests.insert(tx, talk.take_requests())
            wait = self.backoff.wait(claim.attempts, retry_after)
            await calls.put_back_call(tx, claim, wait, reason, bad_answer=False)
            reach("analysis.call.put_back")

    async def _end_run(self, claim: CallClaim, talk: Conversation, reason: str) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await self.lifecycle.end(tx, claim.run_id, RunState.FAILED, reason)
            await model_requests.insert(tx, talk.take_requests())
            reach("analysis.call.ending_run")

    def _linger(self) -> float:
        return _LINGER if len(self._held) >= _MANY else 0.0


def _told(run_id: RunId, end: CallEnd, sequence: int) -> Draft:
    analysed = end.analysis and events.call_analysed(run_id, end.analysis)
    payload = analysed or events.call_failed(run_id, end.claim.call_id)
    return Draft(payload=payload, aggregate_id=str(run_id), sequence=sequence)


def _about(claim: CallClaim, call: ClaimedCall) -> About:
    """Put back, and not for a bad answer: the provider was in trouble, so that asking again costs of the run's budget.

    A claim that ended with its worker costs nothing of it: all that were in flight come again at once then.
    """
    again = call.put_back and claim.attempts > claim.bad_answers + 1
    return About(claim.workspace_id, claim.run_id, claim.call_id, again)

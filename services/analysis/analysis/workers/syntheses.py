"""Writing reports: join the themes, add up, ask the model for words, keep what the calls tell, store report and end in one transaction.

A run that was cancelled with calls finished gets a report of those; it stays cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from msgspec import Struct, field

from analysis import events
from analysis.domain.document import LeftOut, document_of
from analysis.domain.finding import CallAnalysis
from analysis.domain.report import Digest, FailedCall, digest, in_order
from analysis.domain.request import Question, ReportId
from analysis.domain.run import Run, RunState
from analysis.domain.summary import Summary, keep_true, summary_of_counts
from analysis.domain.themes import Joined, Label, labels_of
from analysis.handlers.deliveries import report_finished
from analysis.handlers.lifecycle import Lifecycle
from analysis.models import prompts
from analysis.models.answers import read_summary_answer
from analysis.models.asking import About, Asker, Conversation
from analysis.models.masking import Mask
from analysis.models.port import AccountRefused, BadAnswer
from analysis.store import calls, model_requests, plans, preferences, reports, runs
from analysis.workers.backoff import Backoff
from analysis.workers.merging import joined_by
from core.errors import Transient
from core.faultpoints import reach
from core.ids import uuid7
from database import Database, Tx
from messaging import Outbox
from telemetry import span
from telemetry.instruments import RUNS, WORK_SECONDS

# After so many the report is finished without the model: what was found is worth more than waiting for prose.
MOST_BAD_ANSWERS = 3
MOST_ATTEMPTS = 8


class _Found(Struct, frozen=True):
    """What a run has found so far, and how to ask about it. `joined` is None where it has not been asked which themes are one."""

    run: Run
    analyses: Sequence[CallAnalysis]
    failed: Sequence[FailedCall]
    labels: Sequence[Label]
    joined: Joined | None
    mask: Mask
    stand_ins: Sequence[str]
    traceparent: str


class SynthesisWork(Struct, frozen=True):
    """The work of writing one run's report."""

    db: Database
    outbox: Outbox
    lifecycle: Lifecycle
    asker: Asker
    backoff: Backoff = field(default_factory=Backoff)

    async def claim(self, limit: int, seconds: float) -> Sequence[reports.SynthesisClaim]:
        """Summaries that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            claims = await reports.claim_syntheses(tx, limit, seconds)
            reach("analysis.synthesis.claiming")
            return claims

    async def renew(self, claim: reports.SynthesisClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await reports.renew_synthesis(tx, claim, seconds)

    async def do(self, claim: reports.SynthesisClaim) -> None:
        """Write one report. No transaction is open while the model is asked."""
        found = await self._found(claim)
        if found is None:
            return
        began = time.monotonic()
        with span("write report", parent=found.traceparent, run_id=str(claim.run_id), attempt=claim.attempts):
            outcome = await self._written(claim, found)
        WORK_SECONDS.record(time.monotonic() - began, stage="summary", outcome=outcome)

    async def _written(self, claim: reports.SynthesisClaim, found: _Found) -> str:
        """Write it; how that ended, in a word."""
        reach("analysis.synthesis.begun")
        talk = self.asker.about(_about(claim), found.run.question.model, found.stand_ins)
        try:
            joined = await self._joined(claim, found, talk)
        except Transient as error:
            if claim.attempts < MOST_ATTEMPTS:
                await self._put_back(
                    claim, talk, self.backoff.wait(claim.attempts, error.retry_after), bad_answer=False
                )
                return "put_off"
            joined = {}
        # Adding up thousands of calls takes a while of computing, in which other work has its turn.
        totals = await asyncio.to_thread(digest, found.analyses, found.failed, joined)
        try:
            summary = await self._summary(talk, found.run.question, totals, found.mask)
        except AccountRefused:
            summary = summary_of_counts(totals)
        except BadAnswer as error:
            if not error.hopeless and claim.bad_answers + 1 < MOST_BAD_ANSWERS:
                await self._put_back(claim, talk, self.backoff.wait(claim.bad_answers + 1), bad_answer=True)
                return "answered_badly"
            summary = summary_of_counts(totals)
        except Transient as error:
            if claim.attempts < MOST_ATTEMPTS:
                await self._put_back(
                    claim, talk, self.backoff.wait(claim.attempts, error.retry_after), bad_answer=False
                )
                return "put_off"
            summary = summary_of_counts(totals)
        reach("analysis.synthesis.answered")
        await self._store(claim, found.run, totals, summary, talk)
        reach("analysis.synthesis.stored")
        return "done"

    async def _found(self, claim: reports.SynthesisClaim) -> _Found | None:
        """What there is to report on; None when the run wants no report."""
        async with self.db.workspace(claim.workspace_id) as tx:
            run = await runs.run(tx, claim.run_id)
            if run is None or not _wants_report(run):
                return None
            chosen = await preferences.of_workspace(tx)
            stand_ins = (await plans.plan_of(tx)).models if chosen.other_provider_fallback else ()
            analyses = in_order(await calls.analyses_of(tx, run.id))
            labels = labels_of(analyses)
            joined = await reports.joined_themes(tx, run.id, {label.key for label in labels})
            failed = await runs.failed_calls(tx, run.id)
            trace = await runs.traceparent_of(tx, run.id)
            mask = Mask(on=chosen.mask_personal_data)
            return _Found(run, analyses, failed, labels, joined, mask, stand_ins, trace)

    async def _joined(self, claim: reports.SynthesisClaim, found: _Found, talk: Conversation) -> Joined:
        """Which themes are one: as the model said before, or says now; what it does not say stays apart."""
        if found.joined is not None or not talk.cards:
            return found.joined or {}
        joined = await joined_by(talk, found.run.question.brief, found.labels, masked=found.mask.on)
        async with self.db.workspace(claim.workspace_id) as tx:
            await model_requests.insert(tx, talk.take_requests())
            await reports.keep_joined_themes(tx, claim, joined)
        return joined

    async def _summary(self, talk: Conversation, question: Question, totals: Digest, mask: Mask) -> Summary:
        """The model's words; the numbers alone where there is nothing to put into words."""
        if not totals.themes or not talk.cards:
            return summary_of_counts(totals)
        prompt = await asyncio.to_thread(prompts.synthesise, question.brief, totals, mask)
        headline, sentences = await talk.answer(prompt, lambda text: read_summary_answer(text, mask))
        summary = await asyncio.to_thread(keep_true, headline, sentences, totals)
        if summary is None:
            raise BadAnswer("nothing in the model's summary is told by the findings it cites")
        return summary

    async def _store(
        self, claim: reports.SynthesisClaim, run: Run, totals: Digest, summary: Summary, talk: Conversation
    ) -> None:
        report_id = ReportId(uuid7())
        async with self.db.workspace(claim.workspace_id) as tx:
            locked = await runs.lock_run(tx, run.id)
            # They went out and cost what they cost, also where the report comes too late.
            await model_requests.insert(tx, talk.take_requests())
            if locked is None or not _wants_report(locked):
                return
            if not await reports.finish_synthesis(tx, claim):
                return
            reach("analysis.synthesis.finished")
            left_out = await self._left_out(tx, locked)
            document = document_of(locked, totals, summary, left_out)
            await reports.insert_report(tx, report_id, run.id, summary.headline, document)
            end = runs.report_cancelled_run if locked.state is RunState.CANCELLED else runs.complete_run
            sequence = await end(tx, run.id, report_id)
            completed = events.report_completed(run.id, report_id, totals.numbers, partial=left_out.partial)
            await self.outbox.add(tx, completed, aggregate_id=str(run.id), sequence=sequence or 0)
            if locked.state is not RunState.CANCELLED:
                tx.on_commit(partial(RUNS.add, state=RunState.COMPLETED.value))
                await report_finished(tx, self.outbox, locked, report_id)
            await self.lifecycle.dispatch(tx)
            reach("analysis.synthesis.before_commit")

    async def _left_out(self, tx: Tx, run: Run) -> LeftOut:
        """What the report misses. A run that goes on misses nothing, since all its calls are done."""
        if run.state is not RunState.CANCELLED:
            return LeftOut()
        return LeftOut(await runs.skipped_calls(tx, run.id), run.reason, run.fetch_complete)

    async def _put_back(
        self, claim: reports.SynthesisClaim, talk: Conversation, seconds: float, *, bad_answer: bool
    ) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await model_requests.insert(tx, talk.take_requests())
            await reports.put_back_synthesis(tx, claim, seconds, bad_answer=bad_answer)


def _wants_report(run: Run) -> bool:
    return run.state is RunState.RUNNING or (run.state is RunState.CANCELLED and run.report_id is None)


def _about(claim: reports.SynthesisClaim) -> About:
    """Claimed before, and not for a bad answer: the provider was in trouble, so that asking again costs of the run's budget."""
    return About(claim.workspace_id, claim.run_id, again=claim.attempts > claim.bad_answers + 1)

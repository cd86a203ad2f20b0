"""Writing summaries: add up, ask the model once, keep what cites findings, store the report and end the run in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis import events
from analysis.domain.document import document_of
from analysis.domain.report import Digest, Summary, digest, keep_cited, summary_of_counts
from analysis.domain.request import Question, ReportId
from analysis.domain.run import Run, RunState
from analysis.handlers.lifecycle import Lifecycle
from analysis.models import prompts
from analysis.models.answers import read_summary_answer
from analysis.models.masking import Mask
from analysis.models.port import AccountRefused, BadAnswer, LanguageModel
from analysis.store import calls, preferences, reports, runs
from analysis.workers.backoff import Backoff
from core.errors import Transient
from core.faultpoints import reach
from core.ids import uuid7
from database import Database
from messaging import Outbox

# After so many the report is finished without the model: what was found is worth more than waiting for prose.
MOST_BAD_ANSWERS = 3
MOST_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class SynthesisWork:
    """The work of finishing one run."""

    db: Database
    outbox: Outbox
    lifecycle: Lifecycle
    models: Mapping[str, LanguageModel]
    backoff: Backoff = field(default_factory=Backoff)

    async def claim(self, limit: int, seconds: float) -> Sequence[reports.SynthesisClaim]:
        """Summaries that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            return await reports.claim_syntheses(tx, limit, seconds)

    async def renew(self, claim: reports.SynthesisClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await reports.renew_synthesis(tx, claim, seconds)

    async def do(self, claim: reports.SynthesisClaim) -> None:
        """Write one report. No transaction is open while the model is asked."""
        async with self.db.workspace(claim.workspace_id) as tx:
            run = await runs.run(tx, claim.run_id)
            if run is None or run.state is not RunState.RUNNING:
                return
            mask = Mask(on=(await preferences.of_workspace(tx)).mask_personal_data)
            totals = digest(await calls.analyses_of(tx, run.id), await runs.failed_calls(tx, run.id))
        try:
            summary = await self._summary(run.question, totals, mask)
        except AccountRefused:
            summary = summary_of_counts(totals)
        except BadAnswer:
            if claim.bad_answers + 1 < MOST_BAD_ANSWERS:
                await self._put_back(claim, self.backoff.wait(claim.bad_answers + 1), bad_answer=True)
                return
            summary = summary_of_counts(totals)
        except Transient as error:
            if claim.attempts < MOST_ATTEMPTS:
                await self._put_back(claim, self.backoff.wait(claim.attempts, error.retry_after), bad_answer=False)
                return
            summary = summary_of_counts(totals)
        reach("analysis.synthesis.answered")
        await self._store(claim, run, totals, summary)

    async def _summary(self, question: Question, totals: Digest, mask: Mask) -> Summary:
        """The model's words; the numbers alone where there is nothing to put into words."""
        model = self.models.get(question.model)
        if not totals.themes or model is None:
            return summary_of_counts(totals)
        prompt = await asyncio.to_thread(prompts.synthesise, question.brief, totals, mask)
        headline, sentences = read_summary_answer(await model.ask(prompt), mask)
        summary = keep_cited(headline, sentences, totals.finding_ids)
        if summary is None:
            raise BadAnswer("the model's summary cites no finding")
        return summary

    async def _store(self, claim: reports.SynthesisClaim, run: Run, totals: Digest, summary: Summary) -> None:
        report_id = ReportId(uuid7())
        async with self.db.workspace(claim.workspace_id) as tx:
            locked = await runs.lock_run(tx, run.id)
            if locked is None or locked.state is not RunState.RUNNING:
                return
            if not await reports.finish_synthesis(tx, claim):
                return
            document = document_of(locked, totals, summary)
            await reports.insert_report(tx, report_id, run.id, summary.headline, document)
            sequence = await runs.complete_run(tx, run.id, report_id)
            completed = events.report_completed(run.id, report_id, totals.numbers)
            await self.outbox.add(tx, completed, aggregate_id=str(run.id), sequence=sequence or 0)
            await self.lifecycle.dispatch(tx)
            reach("analysis.synthesis.before_commit")

    async def _put_back(self, claim: reports.SynthesisClaim, seconds: float, *, bad_answer: bool) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await reports.put_back_synthesis(tx, claim, seconds, bad_answer=bad_answer)

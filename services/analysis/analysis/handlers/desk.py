"""What people ask for: one transaction each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from analysis import events
from analysis.domain.deliveries import MOST_NOTICES, PageNotice
from analysis.domain.document import Wanted
from analysis.domain.plan import Plan, Quota, require_quota
from analysis.domain.request import PreviewId, Question, ReportId, RunId, zone_of
from analysis.domain.run import Preview, Run, RunState
from analysis.domain.sample import SampledCall
from analysis.domain.transcript import Call, parse_call
from analysis.handlers.asking import check_question, queue_run
from analysis.handlers.lifecycle import Lifecycle
from analysis.models.offer import Offer, read_offer
from analysis.models.port import Outcome
from analysis.store import exports, model_requests, page_notices, plans, reports, runs
from analysis.store.call_objects import read_call, read_sample
from cloud.objects import ObjectStore
from contracts import Actor
from core.clock import Clock
from core.errors import Conflict, InvalidInput, NotFound, Permanent, Transient
from core.ids import WorkspaceId, uuid7
from core.log import logger
from database import Database, Tx
from messaging import Outbox

T = TypeVar("T")

log = logger("analysis.desk")

PAGE = 25

# As ingest has it, unless it is set otherwise there and here.
LIST_SECONDS = 600

# Answered with the document itself; `handlers.exports` has all formats, as files.
EXPORT_FORMATS = ("json",)

# Calls with trouble that a run's page names; more are counted only.
TROUBLED_CALLS = 50


class Situation(Struct, frozen=True):
    """What the page for a new question needs to know of the workspace."""

    plan: Plan
    quota: Quota
    timezone: str
    gong: plans.IntegrationState


class Surroundings(Struct, frozen=True):
    """The zone in which a workspace's pages show times, what they warn of (integrations that need reconnecting), and what they tell."""

    zone: ZoneInfo
    lost_integrations: list[plans.LostIntegration]
    notices: Sequence[PageNotice] = ()


class Asked(Struct, frozen=True):
    """What a run has asked of models; of the calls with trouble one more than TROUBLED_CALLS where there are more."""

    sums: Sequence[model_requests.OutcomeSum]
    troubled: Sequence[model_requests.TroubledCall]

    @property
    def answered(self) -> list[model_requests.OutcomeSum]:
        """The sums of the requests that were answered: which models have really done the work."""
        return [one for one in self.sums if one.outcome == Outcome.ANSWERED.value]

    @property
    def unanswered(self) -> list[model_requests.OutcomeSum]:
        """The sums of those that came to nothing."""
        return [one for one in self.sums if one.outcome != Outcome.ANSWERED.value]


class Dashboard(Struct, frozen=True):
    """A page of runs with the headlines of their reports; `next` is the id to go on from, None on the last page."""

    runs: list[Run]
    headlines: Mapping[RunId, str]
    hidden_reports: int
    plan: Plan
    quota: Quota
    next: uuid.UUID | None


class Desk(Struct, frozen=True):
    """Takes requests. Every method works in the given workspace and raises NotFound for what is not in it.

    `list_seconds`: for how long ingest keeps the list of calls that a preview has read; 0 where it keeps none.
    """

    db: Database
    outbox: Outbox
    lifecycle: Lifecycle
    objects: ObjectStore
    clock: Clock
    list_seconds: int = LIST_SECONDS
    offer: Offer = field(default_factory=read_offer)

    async def situation(self, workspace_id: WorkspaceId) -> Situation:
        """Plan, quota, timezone and whether Gong is connected."""
        async with self.db.workspace(workspace_id) as tx:
            plan = await plans.plan_of(tx)
            quota = await plans.quota_of(tx, plan, self.clock.now())
            return Situation(plan, quota, await plans.timezone_of(tx), await plans.integration(tx, "gong"))

    async def surroundings(self, workspace_id: WorkspaceId, recipients: Sequence[str] = ()) -> Surroundings:
        """What every page shows or goes by; with the notices for `recipients`, one more than MOST_NOTICES where there are more."""
        async with self.db.workspace(workspace_id) as tx:
            told = await page_notices.open_of(tx, recipients, MOST_NOTICES + 1) if recipients else ()
            return Surroundings(zone_of(await plans.timezone_of(tx)), await plans.lost_integrations(tx), told)

    async def list_ahead(self, workspace_id: WorkspaceId, question: Question, actor: Actor) -> PreviewId | None:
        """Have the calls of the question's days listed before somebody asks to count some of them.

        ingest keeps what it reads for `list_seconds`, so that the preview which is asked for next needs no request to Gong. Done once in
        that time, however often it is asked for; None then, and where there is no Gong. It is a preview whose answer nobody waits for.
        """
        preview_id = PreviewId(uuid7())
        async with self.db.workspace(workspace_id) as tx:
            gong = await plans.integration(tx, "gong")
            if not self.list_seconds or not gong.connected or not await runs.claim_preparation(tx, self.list_seconds):
                return None
            await self._insert_preview(tx, preview_id, question, actor)
        return preview_id

    async def ask_preview(self, workspace_id: WorkspaceId, question: Question, actor: Actor) -> PreviewId:
        """Have the matching calls counted. Raises InvalidInput."""
        preview_id = PreviewId(uuid7())
        async with self.db.workspace(workspace_id) as tx:
            await check_question(tx, self.lifecycle, self.offer, question)
            await self._insert_preview(tx, preview_id, question, actor)
        return preview_id

    async def preview(self, workspace_id: WorkspaceId, preview_id: PreviewId) -> Preview:
        """One preview."""
        async with self.db.workspace(workspace_id) as tx:
            return _found(await runs.preview(tx, preview_id), "preview")

    async def sample(self, workspace_id: WorkspaceId, preview: Preview) -> tuple[SampledCall, ...] | None:
        """Some of the calls of a preview; None where there are none, or where they cannot be read now: the count stands without them."""
        if preview.sample is None:
            return None
        try:
            return await read_sample(self.objects, workspace_id, preview.sample)
        except (Permanent, Transient, NotFound) as error:
            log.warning("sample cannot be read", preview=str(preview.id), cause=type(error).__name__)
            return None

    async def start(
        self,
        workspace_id: WorkspaceId,
        question: Question,
        actor: Actor,
        request_id: uuid.UUID | None = None,
        *,
        capped: bool = True,
    ) -> RunId:
        """Queue a run, and begin it when the plan has room. The same `request_id` always gives the same run.

        Raises InvalidInput, QuotaUsedUp when not one call is left, and RunTooLarge when fewer are left than the run may use and it is not
        to be `capped` at them.
        """
        async with self.db.workspace(workspace_id) as tx:
            asked = request_id or uuid7()
            return await queue_run(tx, self.lifecycle, self.offer, question, actor, asked, capped=capped)

    async def run(self, workspace_id: WorkspaceId, run_id: RunId) -> Run:
        """One run."""
        async with self.db.workspace(workspace_id) as tx:
            return _found(await runs.run(tx, run_id), "run")

    async def asked_of_models(self, workspace_id: WorkspaceId, run_id: RunId) -> Asked:
        """What a run has asked of models, in sum, and which calls met trouble."""
        async with self.db.workspace(workspace_id) as tx:
            _found(await runs.run(tx, run_id), "run")
            sums = await model_requests.by_outcome(tx, run_id)
            return Asked(sums, await model_requests.troubled_calls(tx, run_id, TROUBLED_CALLS + 1))

    async def sent_to_models(
        self, workspace_id: WorkspaceId, run_id: RunId, after: uuid.UUID | None, limit: int
    ) -> list[model_requests.SentRequest]:
        """The requests of a run after the one with that id, in order."""
        async with self.db.workspace(workspace_id) as tx:
            _found(await runs.run(tx, run_id), "run")
            return await model_requests.page(tx, run_id, after, limit)

    async def cancel(self, workspace_id: WorkspaceId, run_id: RunId, actor: Actor) -> None:
        """Stop a run; what it has used is used. Raises Conflict when it has ended."""
        async with self.db.workspace(workspace_id) as tx:
            _found(await runs.run(tx, run_id), "run")
            if not await self.lifecycle.end(tx, run_id, RunState.CANCELLED, "stopped by a member", actor=actor):
                raise Conflict("the run has ended already")

    async def resume(self, workspace_id: WorkspaceId, run_id: RunId, actor: Actor) -> None:
        """Go on with a failed run from the calls that are done; of one that goes on already, or waits for its turn, nothing changes.

        Raises Conflict when it ended otherwise, QuotaUsedUp and RunTooLarge when the calls that it has left cannot be paid for, and
        InvalidInput when the plan does not include its model any more.
        """
        async with self.db.workspace(workspace_id) as tx:
            run = _found(await runs.lock_run(tx, run_id), "run")
            if not run.state.final:
                return
            if not run.resumable:
                raise Conflict("only a run that has failed can be resumed")
            plan = await plans.plan_of(tx)
            self.offer.require(plan, run.question.model)
            if run.calls_left:
                quota = await plans.quota_of(tx, plan, self.clock.now())
                require_quota(plan, quota, run.calls_left, capped=not run.fetch_complete)
            await self.lifecycle.resume(tx, run, actor=actor)

    async def dashboard(self, workspace_id: WorkspaceId, before: uuid.UUID | None) -> Dashboard:
        """Runs and reports, newest first, older than `before`."""
        async with self.db.workspace(workspace_id) as tx:
            found = await runs.runs_page(tx, before, PAGE + 1)
            shown = found[:PAGE]
            plan = await plans.plan_of(tx)
            return Dashboard(
                runs=shown,
                headlines=await reports.headlines(tx, [run.id for run in shown]),
                hidden_reports=await reports.hidden_reports(tx),
                plan=plan,
                quota=await plans.quota_of(tx, plan, self.clock.now()),
                next=shown[-1].id if len(found) > PAGE else None,
            )

    async def report_in_part(
        self, workspace_id: WorkspaceId, report_id: ReportId, wanted: Wanted
    ) -> reports.ReportPart:
        """What a page shows of one report, if the plan still shows it."""
        async with self.db.workspace(workspace_id) as tx:
            return _found(await reports.report_in_part(tx, report_id, wanted), "report")

    async def published(self, workspace_id: WorkspaceId, report_id: ReportId) -> reports.PublishedReport:
        """One whole report as text, if the plan still shows it."""
        async with self.db.workspace(workspace_id) as tx:
            return _found(await reports.published_report(tx, report_id), "report")

    async def export(
        self,
        workspace_id: WorkspaceId,
        report_id: ReportId,
        format_name: str,
        actor: Actor,
        request_id: uuid.UUID | None = None,
    ) -> reports.PublishedReport:
        """One report to take away; noted, and audited with that, once a request. Raises InvalidInput for an unknown format."""
        if format_name not in EXPORT_FORMATS:
            raise InvalidInput(f"reports are exported as {', '.join(EXPORT_FORMATS)}")
        async with self.db.workspace(workspace_id) as tx:
            report = _found(await reports.published_report(tx, report_id), "report")
            asked = exports.Asked(report_id, format_name, actor.id, request_id)
            number, is_new = await exports.insert_export(tx, asked)
            if is_new:
                action = events.report_exported(report_id, format_name)
                await self.outbox.add(tx, action, aggregate_id=str(report_id), sequence=number, actor=actor)
            return report

    async def transcript(self, workspace_id: WorkspaceId, report_id: ReportId, call_id: str) -> Call:
        """A call that a visible report is about, with its transcript."""
        async with self.db.workspace(workspace_id) as tx:
            report = _found(await reports.report(tx, report_id), "report")
            stored = _found(await runs.stored_call(tx, report.run_id, call_id), "call")
        return parse_call(await read_call(self.objects, workspace_id, stored))

    async def _insert_preview(self, tx: Tx, preview_id: PreviewId, question: Question, actor: Actor) -> None:
        await runs.insert_preview(tx, preview_id, question)
        request = events.preview_requested(preview_id, question.filter, question.max_calls)
        await self.outbox.add(tx, request, aggregate_id=str(preview_id), sequence=1, actor=actor)


def _found(thing: T | None, what: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {what} in this workspace")
    return thing

"""What messages of other services cause here. Duplicates and any order give the same rows."""

from __future__ import annotations

from msgspec import Struct

from analysis import events
from analysis.domain.request import RunId
from analysis.domain.run import Run, RunState
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.lifecycle import Lifecycle
from analysis.handlers.notices import Notices
from analysis.handlers.schedules import retime
from analysis.store import plans, preferences, report_erasure, runs
from contracts import Event
from core.errors import NotFound
from database import Tx
from messaging import Routes

# An IANA name is at most this long; a longer text is not one.
_LONGEST_TIMEZONE = 64

# Of a pause, in characters: one line on the page.
_LONGEST_REASON = 200


class MessageHandlers(Struct, frozen=True):
    """One method for each message that analysis listens to."""

    lifecycle: Lifecycle
    notices: Notices
    deliveries: Deliveries

    def calls(self) -> Routes:
        """What ingest says about calls."""
        routes = Routes()
        routes.on(events.PreviewReady, self.preview_ready)
        routes.on(events.CallFetched, self.call_fetched)
        routes.on(events.FetchCompleted, self.fetch_completed)
        routes.on(events.FetchFailed, self.fetch_failed)
        routes.on(events.FetchPaused, self.fetch_paused)
        return routes

    def plans(self) -> Routes:
        """What retention says about plans."""
        routes = Routes()
        routes.on(events.PlanChanged, self.plan_changed)
        routes.on(events.AddonCredited, self.addon_credited)
        return routes

    def workspaces(self) -> Routes:
        """What ingest says about workspaces."""
        routes = Routes()
        routes.on(events.WorkspaceCreated, self.workspace_told)
        routes.on(events.WorkspaceUpdated, self.workspace_told)
        return routes

    def sub_processors(self) -> Routes:
        """What retention says about sub-processors."""
        routes = Routes()
        routes.on(events.SubProcessorAnnounced, self.notices.announced)
        return routes

    def integrations(self) -> Routes:
        """What the vault says about integrations."""
        routes = Routes()
        for message in events.INTEGRATION_MESSAGES:
            routes.on(message, self.integration_changed)
        return routes

    async def preview_ready(self, tx: Tx, event: Event[events.PreviewReady]) -> None:
        """The count for a preview has come."""
        message = event.payload
        preview_id = events.preview_id_of(message.preview_id)
        if await runs.preview(tx, preview_id) is None:
            raise NotFound("a preview is answered that nobody asked for")
        count = runs.Count(message.matching_calls, message.total_seconds, events.preview_sample(event))
        await runs.finish_preview(tx, preview_id, count, message.failure)

    async def call_fetched(self, tx: Tx, event: Event[events.CallFetched]) -> None:
        """A call can be analysed. For a run that has ended it is too late, which is no error."""
        call = events.fetched_call(event)
        run = await self._run(tx, events.run_id_of(event.payload.run_id))
        if run is not None and run.state is RunState.RUNNING:
            added = await runs.add_call(tx, run, call)
            if added in {runs.Added.KEPT, runs.Added.LEFT_OUT}:
                # It may have been what the end was waiting for.
                await self.lifecycle.settle(tx, run.id, cause=event)
            tx.on_commit(self.lifecycle.wake)

    async def fetch_completed(self, tx: Tx, event: Event[events.FetchCompleted]) -> None:
        """It is known how many calls there are; it may overtake some of them."""
        fetched = events.fetched(event.payload)
        run = await self._run(tx, events.run_id_of(event.payload.run_id))
        if run is None or run.state is not RunState.RUNNING:
            return
        await runs.record_fetch(tx, run.id, fetched)
        if fetched.calls == 0 and run.calls_analysed == 0:
            reason = fetched.no_match_reason()
            await self.lifecycle.end(tx, run.id, RunState.NO_MATCH, reason, cause=event)
        else:
            await self.lifecycle.settle(tx, run.id, cause=event)

    async def fetch_failed(self, tx: Tx, event: Event[events.FetchFailed]) -> None:
        """The calls cannot be had; the reason is ingest's, in words fit for the page."""
        run = await self._run(tx, events.run_id_of(event.payload.run_id))
        if run is None:
            return
        reason = event.payload.reason or "the calls could not be fetched"
        await self.lifecycle.end(tx, run.id, RunState.FAILED, reason, cause=event)

    async def fetch_paused(self, tx: Tx, event: Event[events.FetchPaused]) -> None:
        """The calls will take longer; whoever watches the run is told why, in ingest's words."""
        run = await self._run(tx, events.run_id_of(event.payload.run_id))
        until = events.resume_time(event.payload)
        if run is not None:
            await runs.record_pause(tx, run.id, until, event.payload.reason[:_LONGEST_REASON])

    async def plan_changed(self, tx: Tx, event: Event[events.PlanChanged]) -> None:
        """The workspace's plan is another one; a larger one may let a queued run begin."""
        await plans.project_plan(tx, events.plan(event.payload), event.sequence)
        await self.lifecycle.dispatch(tx, cause=event)

    async def addon_credited(self, tx: Tx, event: Event[events.AddonCredited]) -> None:
        """Calls were bought; a queued run may begin. Told again, it changes nothing."""
        calls = events.bought_calls(event.payload)
        if await plans.credit_addon(tx, event.payload.purchase_id, calls):
            await self.lifecycle.dispatch(tx, cause=event)

    async def workspace_told(
        self, tx: Tx, event: Event[events.WorkspaceCreated] | Event[events.WorkspaceUpdated]
    ) -> None:
        """The workspace's name and timezone, by which its schedules fire, and its preferences where they are told."""
        timezone = event.payload.timezone[:_LONGEST_TIMEZONE] or "UTC"
        before = await plans.timezone_of(tx)
        if await plans.project_workspace(tx, event.payload.name, timezone, event.sequence) and timezone != before:
            await retime(tx, timezone, self.lifecycle.clock.now())
        told = events.preferences(event.payload)
        if told is not None:
            await preferences.project(tx, told, event.sequence)

    async def integration_changed(self, tx: Tx, event: Event[events.IntegrationMessage]) -> None:
        """An integration was connected or lost. A loss that is not news, since later things are known, is told to nobody."""
        state = events.integration_state(event.payload)
        provider = events.provider_of(event.payload)
        news = await plans.project_integration(tx, provider, state, event.sequence)
        if news and provider == "slack" and state.state == "disconnected":
            await self.deliveries.slack_gone(tx)
        if news and events.is_loss(event):
            await self.notices.lost(tx, event)

    async def _run(self, tx: Tx, fetch_id: RunId) -> Run | None:
        """The run, locked; None where its calls have been asked for again since, or its report was erased: what is said counts no more.

        Raises NotFound: ingest only ever answers what was asked in a committed transaction.
        """
        found = await runs.lock_fetched(tx, fetch_id)
        if found is None:
            if await report_erasure.is_erased(tx, fetch_id):
                return None
            raise NotFound("a run is answered that does not exist here")
        return found.run if found.present else None

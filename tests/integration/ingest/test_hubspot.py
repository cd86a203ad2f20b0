"""Deals from HubSpot in fetch jobs: they reach objects and filters, and whatever goes wrong with HubSpot leaves the run complete."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message

from callmine.calls.v1.calls_pb2 import CallFetched, PreviewReady
from callmine.credentials.v1.credentials_pb2 import (
    DENIAL_REASON_NEEDS_RECONNECT,
    DENIAL_REASON_NOT_CONNECTED,
    CredentialDenied,
    CredentialRejected,
    CredentialRequested,
)
from callmine.fetches.v1.fetches_pb2 import CallFilter, FetchCancelled
from callmine.integrations.v1.integrations_pb2 import (
    PROVIDER_GONG,
    PROVIDER_HUBSPOT,
    IntegrationConnected,
    IntegrationDisconnected,
)
from callmine.reports.v1.reports_pb2 import RunFailed
from contract.sandbox.oauth_client import Application
from contract.sandbox.stage import HARBORLINE, Stage
from contract.sandbox.test_hubspot_crm import SCOPES
from contracts import Event
from core import faultpoints
from ingest.store.job_grants import MOST_ASKS
from integration.ingest.harness import (
    Gong,
    Ingest,
    all_time,
    event_of,
    fetch_requested,
    granted_with,
    new_id,
    preview_requested,
)
from integration.ingest.workshop import Killed, Trap, Workshop, opened
from local.sandbox.corpus.calls import RecordedCall
from local.sandbox.faults import Fault
from local.sandbox.server import RunningSandbox, running
from local.sandbox.settings import SHIPPED_CALLS
from local.sandbox.vendors import Provider


@dataclass(slots=True)
class Town:
    """Harborline with its Gong and its HubSpot, which is connected; Gong lacks the deals of four of its calls."""

    workshop: Workshop
    sandbox: RunningSandbox
    token: str

    @property
    def lacking(self) -> list[RecordedCall]:
        """The calls whose deal only HubSpot knows."""
        return [call for call in self.sandbox.sandbox.library.of("harborline") if not call.in_gong]

    async def start(self, wanted: CallFilter | None = None) -> uuid.UUID:
        """A run whose credential for Gong has come."""
        return await self.workshop.start(wanted=wanted)

    async def asked(self, job: uuid.UUID) -> list[Event[Message]]:
        """The requests for HubSpot's credential so far."""
        told = await self.workshop.ingest.told(CredentialRequested)
        return [event for event in told if _asks_for(event, PROVIDER_HUBSPOT, job)]

    async def answer(
        self,
        job: uuid.UUID,
        lasts: timedelta = timedelta(hours=1),
        held: dict[str, str] | None = None,
        version: int = 1,
    ) -> Event[Message]:
        """The vault grants what was asked for last."""
        whole = {"kind": "bearer", "token": self.token, "base_url": ""} | (held or {})
        answer = granted_with((await self.asked(job))[-1], whole, lasts, version)
        await self.workshop.ingest.hear(answer)
        return answer

    async def deny(self, job: uuid.UUID, reason: object = DENIAL_REASON_NEEDS_RECONNECT) -> None:
        """The vault denies what was asked for last."""
        asked = (await self.asked(job))[-1]
        assert isinstance(asked.payload, CredentialRequested)
        denied = CredentialDenied(grant_id=asked.payload.grant_id, provider=PROVIDER_HUBSPOT, reason=reason)  # type: ignore[arg-type]
        await self.workshop.ingest.hear(event_of(denied, asked.payload.grant_id))

    def arm(self, **fault: object) -> None:
        """Let HubSpot misbehave."""
        self.sandbox.sandbox.switchboard.arm(Fault.model_validate({"provider": Provider.HUBSPOT, **fault}))

    async def deals(self) -> dict[str, dict[str, object]]:
        """The deals in the objects that were announced, by call."""
        told = await self.workshop.ingest.told(CallFetched)
        names = {e.payload.call_id: e.payload.object_name for e in told if isinstance(e.payload, CallFetched)}
        return {one: json.loads(self.workshop.objects.held[name])["deal"] or {} for one, name in names.items()}

    async def rejected(self) -> list[CredentialRejected]:
        """What the vault was told of refusals."""
        told = await self.workshop.ingest.told(CredentialRejected)
        assert all((event.aggregate_id, event.sequence) == (event.payload.grant_id, 2) for event in told)  # type: ignore[attr-defined]
        return [event.payload for event in told if isinstance(event.payload, CredentialRejected)]

    async def refused(self, version: int = 1) -> uuid.UUID:
        """A run whose grant HubSpot has refused, and which has asked for another one."""
        run = await self.start()
        await self.answer(run, version=version)
        self.arm(path="/crm", status=401, count=1)
        worker = self.workshop.worker()
        assert await worker.work_once()
        assert not await worker.work_once(), "the vault needs time to ask HubSpot"
        await self.ask_again()
        return run

    async def ask_again(self) -> None:
        """Let the time be over that the vault was given, and the job look for its grant."""
        await self.workshop.skip_waits()
        assert await self.workshop.worker().work_once()

    async def grants(self) -> int:
        """How many rows of optional grants are there."""
        return len(await self.workshop.ingest.sql("SELECT 1 FROM job_grants"))

    async def assert_without(self, run: uuid.UUID, words: str) -> None:
        """The run is complete without HubSpot's deals, and says so once."""
        done = await self.workshop.completed(run)
        assert done.calls_fetched == len(await self.deals())
        assert done.calls_fetched == sum(not call.is_private for call in self.sandbox.sandbox.library.of("harborline"))
        assert len([remark for remark in done.remarks if words in remark]) == 1
        assert all("HubSpot" in remark for remark in done.remarks)
        assert {deal.get("source") for deal in (await self.deals()).values()} <= {"gong", "", None}
        assert await self.grants() == 0


def _asks_for(event: Event[Message], provider: int, job: uuid.UUID) -> bool:
    asked = event.payload
    assert isinstance(asked, CredentialRequested)
    return (asked.provider, asked.subject_id) == (provider, str(job))


@pytest.fixture(scope="module")
async def played(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """The demo companies without limits."""
    gong = stage.gong(page_size=100)
    settings = stage.settings(calls_dir=SHIPPED_CALLS, gong=gong, hubspot={"requests": None})
    async with running(settings) as sandbox:
        yield sandbox


@pytest.fixture
async def town(ingest: Ingest, stage: Stage, played: RunningSandbox) -> AsyncIterator[Town]:
    """Harborline, HubSpot connected."""
    async with stage.client(played.url) as http:
        tokens = await Application(http, "hubspot").control("POST", "tokens", account="harborline", scopes=list(SCOPES))
    connected = IntegrationConnected(provider=PROVIDER_HUBSPOT, credential_version=3)
    await ingest.hear(event_of(connected, "hubspot", sequence=1))
    async with opened(ingest, Gong(f"{played.url}/gong", *HARBORLINE), stage.folder / "ca.pem") as workshop:
        workshop.terms = type(workshop.terms)(batch_calls=10)
        yield Town(workshop, played, str(tokens["access_token"]))
    played.sandbox.switchboard.disarm()


async def test_deals_that_gong_lacks_reach_the_object(town: Town) -> None:
    run = await town.start()
    await town.answer(run)
    await town.workshop.finish()
    assert list((await town.workshop.completed(run)).remarks) == []
    deals = await town.deals()
    assert len(town.lacking) == 4
    for call in town.lacking:
        assert call.deal is not None
        assert deals[call.call_id]["stage"] == call.deal.stage
        assert deals[call.call_id]["amount"] == call.deal.amount
        assert (deals[call.call_id]["source"], deals[call.call_id]["company_source"]) == ("hubspot", "hubspot")
    assert await town.grants() == 0


async def test_deals_that_gong_lacks_meet_filters(town: Town) -> None:
    stages = sorted({call.deal.stage for call in town.lacking if call.deal})
    wanted = all_time()
    wanted.deal_stages.extend(stages)
    expected = {
        call.call_id
        for call in town.sandbox.sandbox.library.of("harborline")
        if call.deal and call.deal.stage in stages and not call.is_private
    }
    run = await town.start(wanted)
    await town.answer(run)
    await town.workshop.finish()
    assert set(await town.deals()) == expected
    assert {call.call_id for call in town.lacking} <= expected


async def test_a_preview_asks_for_deals_where_it_filters_by_them(town: Town) -> None:
    plain, filtered = new_id(), new_id()
    wanted = all_time()
    wanted.deal_stages.extend({call.deal.stage for call in town.lacking if call.deal})
    await town.workshop.ingest.hear(preview_requested(plain), preview_requested(filtered, wanted))
    assert (len(await town.asked(plain)), len(await town.asked(filtered))) == (0, 1)
    await town.answer(filtered)
    for job in (plain, filtered):
        await town.workshop.grant(job)
    await town.workshop.finish()
    counts = {e.aggregate_id: e.payload for e in await town.workshop.ingest.told(PreviewReady)}
    shown = [call for call in town.sandbox.sandbox.library.of("harborline") if not call.is_private]
    matching = [call for call in shown if call.deal and call.deal.stage in wanted.deal_stages]
    counted = [counts[str(job)] for job in (plain, filtered)]
    assert [one.matching_calls for one in counted if isinstance(one, PreviewReady)] == [len(shown), len(matching)]


async def test_nothing_is_asked_where_hubspot_is_not_connected(town: Town) -> None:
    gone = IntegrationDisconnected(provider=PROVIDER_HUBSPOT, credential_version=3)
    await town.workshop.ingest.hear(event_of(gone, "hubspot", sequence=2))
    run = await town.start()
    assert await town.asked(run) == []
    await town.workshop.finish()
    assert list((await town.workshop.completed(run)).remarks) == []
    assert "hubspot" not in town.workshop.egress.metrics()


async def test_a_denied_grant_is_a_remark(town: Town) -> None:
    run = await town.start()
    await town.deny(run)
    await town.workshop.finish()
    await town.assert_without(run, "HubSpot no longer accepts the stored credential")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 403}, "HubSpot answered 403"),
        ({"status": 500}, "HubSpot could not be asked"),
        ({"malformed": True}, "cannot be read"),
        ({"truncate": True}, "HubSpot could not be asked"),
        ({"status": 429, "policy": "DAILY"}, "daily limit"),
        ({"path": "/crm/v3/owners", "status": 500}, "HubSpot could not be asked"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_a_hubspot_that_fails_is_a_remark(town: Town, fault: dict[str, object], words: str) -> None:
    run = await town.start()
    await town.answer(run)
    town.arm(**{"path": "/crm", **fault})
    await town.workshop.finish()
    await town.assert_without(run, words)
    assert await town.rejected() == []


@pytest.mark.parametrize("held", [{"token": ""}, {"kind": "basic"}, {"base_url": "http://plain.example"}])
async def test_a_grant_that_holds_nothing_of_use_is_a_remark(town: Town, held: dict[str, str]) -> None:
    run = await town.start()
    await town.answer(run, held=held)
    await town.workshop.finish()
    await town.assert_without(run, "its credential cannot be used")


async def test_a_grant_that_does_not_open_is_a_remark(town: Town) -> None:
    run = await town.start()
    await town.answer(run)
    await town.workshop.ingest.sql("UPDATE job_grants SET sealed = sealed || 'x'::bytea")
    await town.workshop.finish()
    await town.assert_without(run, "its credential cannot be used")


async def test_a_grant_that_is_a_little_late_is_awaited(town: Town) -> None:
    run = await town.start()
    worker = town.workshop.worker()
    assert await worker.work_once()
    [row] = await town.workshop.ingest.sql("SELECT state, attempts FROM jobs")
    assert (row["state"], row["attempts"]) == ("ready", 0)
    await town.answer(run)
    await town.workshop.finish(worker)
    assert {deal.get("source") for deal in (await town.deals()).values()} >= {"hubspot"}


async def test_a_grant_that_does_not_come_is_a_remark(town: Town) -> None:
    run = await town.start()
    await town.workshop.ingest.sql("UPDATE job_grants SET asked_at = asked_at - interval '11 seconds'")
    await town.workshop.finish()
    await town.assert_without(run, "did not come in time")


async def test_a_grant_that_is_over_is_asked_for_again_and_gongs_is_not(town: Town) -> None:
    run = await town.start()
    await town.answer(run, timedelta(seconds=2))
    assert await town.workshop.worker().work_once()
    assert len(await town.asked(run)) == 2
    await town.answer(run)
    await town.workshop.finish()
    assert {deal.get("source") for deal in (await town.deals()).values()} >= {"hubspot"}
    told = await town.workshop.ingest.told(CredentialRequested)
    assert len([event for event in told if _asks_for(event, PROVIDER_GONG, run)]) == 1


async def test_a_process_that_takes_every_grant_for_over_goes_on_without(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is ahead of the database's by more than a grant lasts."""
    run = new_id()
    await town.workshop.ingest.hear(fetch_requested(run))
    await town.workshop.grant(run, timedelta(hours=9))
    worker = town.workshop.worker()
    monkeypatch.setattr(type(worker._door.clock), "now", lambda _self: datetime.now(UTC) + timedelta(hours=2))
    for _ in range(MOST_ASKS):
        await town.answer(run)
        await town.workshop.skip_waits()
        assert await worker.work_once()
    assert len(await town.asked(run)) == MOST_ASKS
    await town.workshop.finish(worker)
    await town.assert_without(run, "another one could not be had")


async def test_a_grant_that_is_over_once_hubspot_is_disconnected_is_a_remark(town: Town) -> None:
    run = await town.start()
    await town.answer(run, timedelta(seconds=2))
    gone = IntegrationDisconnected(provider=PROVIDER_HUBSPOT, credential_version=3)
    await town.workshop.ingest.hear(event_of(gone, "hubspot", sequence=2))
    await town.workshop.finish()
    await town.assert_without(run, "another one could not be had")


async def test_answers_in_any_order_and_again_and_late_change_nothing(town: Town) -> None:
    run = new_id()
    await town.workshop.ingest.hear(fetch_requested(run))
    early = await town.answer(run)
    assert await town.workshop.state(run) == "waiting_grant"
    await town.workshop.grant(run)
    await town.workshop.ingest.hear(early, early)
    await town.workshop.finish()
    before = await town.workshop.ingest.snapshot(("jobs", "run_calls", "job_grants"))
    again = granted_with((await town.asked(run))[-1], {"kind": "bearer", "token": "late", "base_url": "https://x"})
    await town.workshop.ingest.hear(early, again)
    await town.deny(run, DENIAL_REASON_NOT_CONNECTED)
    assert await town.workshop.ingest.snapshot(("jobs", "run_calls", "job_grants")) == before
    assert await town.grants() == 0
    assert list((await town.workshop.completed(run)).remarks) == []


async def test_the_grant_goes_with_the_job_however_it_ends(town: Town) -> None:
    cancelled, closed, denied = new_id(), new_id(), new_id()
    for run in (cancelled, closed, denied):
        await town.workshop.ingest.hear(fetch_requested(run))
        await town.answer(run)
    assert await town.grants() == 3
    await town.workshop.ingest.hear(event_of(FetchCancelled(run_id=str(cancelled)), str(cancelled), sequence=2))
    assert await town.grants() == 2
    await town.workshop.ingest.hear(event_of(RunFailed(run_id=str(closed)), str(closed)))
    assert await town.grants() == 1
    told = await town.workshop.ingest.told(CredentialRequested)
    [asked] = [event.payload for event in told if _asks_for(event, PROVIDER_GONG, denied)]
    assert isinstance(asked, CredentialRequested)
    no = CredentialDenied(grant_id=asked.grant_id, provider=PROVIDER_GONG, reason=DENIAL_REASON_NOT_CONNECTED)
    await town.workshop.ingest.hear(event_of(no, asked.grant_id))
    assert await town.workshop.state(denied) == "failed"
    assert await town.grants() == 0


async def killed(town: Town, point: str) -> None:
    """One worker works until it is killed at the point."""
    trap = Trap(point)
    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in a group where a lease was being kept
            await town.workshop.worker().work_once()
    finally:
        faultpoints.arm(None)
    assert died.type is Killed or died.group_contains(Killed)


@pytest.mark.parametrize(
    "point",
    ["list.before_commit", "list.after_commit", "fetch.before_plan", "fetch.before_commit", "fetch.after_commit"],
)
async def test_deals_survive_a_death(town: Town, point: str) -> None:
    run = await town.start()
    await town.answer(run)
    await killed(town, point)
    await town.workshop.finish()
    deals = await town.deals()
    assert {deals[call.call_id]["source"] for call in town.lacking} == {"hubspot"}
    assert list((await town.workshop.completed(run)).remarks) == []


async def test_a_remark_of_one_page_survives_a_death_behind_it(town: Town) -> None:
    """The page is not read again, so whoever goes on does not meet the failure."""
    run = await town.start()
    await town.answer(run)
    town.arm(path="/crm", malformed=True, count=1)
    await killed(town, "list.after_commit")
    await town.workshop.finish()
    await town.assert_without(run, "cannot be read")


@pytest.mark.parametrize(
    "point", ["list.after_commit", "fetch.before_plan", "fetch.before_batches", "fetch.after_commit"]
)
async def test_remarks_survive_a_death(town: Town, point: str) -> None:
    run = await town.start()
    await town.deny(run)
    await killed(town, point)
    await town.workshop.finish()
    await town.assert_without(run, "HubSpot no longer accepts the stored credential")


async def test_a_death_while_another_grant_is_asked_for_asks_once(town: Town) -> None:
    run = await town.start()
    await town.answer(run, timedelta(seconds=2))
    await killed(town, "deals.before_renewal")
    assert len(await town.asked(run)) == 1
    await town.workshop.skip_waits()
    assert await town.workshop.worker().work_once()
    assert len(await town.asked(run)) == 2


async def test_metadata_that_is_too_old_is_asked_for_with_its_deals(town: Town) -> None:
    run = await town.start()
    await town.answer(run)
    await killed(town, "fetch.before_batches")
    await town.workshop.ingest.sql("UPDATE jobs SET planned_at = planned_at - interval '2 hours'")
    await town.workshop.finish()
    deals = await town.deals()
    assert {deals[call.call_id]["source"] for call in town.lacking} == {"hubspot"}

"""Schedules' pages without JavaScript, and their API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from analysis.domain.request import RunId
from analysis.domain.schedule import ScheduleId
from analysis.workers.pool import PoolSettings, WorkPool
from analysis.workers.schedules import ScheduleWork
from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, Provider
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceUpdated
from contracts import Source
from core.ids import parse_uuid, uuid7
from integration.analysis.site import browser, program, site
from integration.analysis.world import ACME, MAYA, RIVAL, World

FORM = {
    "name": "Price every week",
    "brief": "What do buyers say about price?",
    "cadence": "weekly",
    "weekday": "mon",
    "month_day": "31",
    "time": "09:00",
    "timezone": "",
    "range": "previous_week",
    "model": "openai/small",
    "max_calls": "20",
    "owners": "Maya, Tom",
    "cap": "true",
}
BODY = {"brief": FORM["brief"], "cadence": "monthly", "time": "07:30", "month_day": 31, "range": "previous_month"}


@pytest.fixture
async def admin(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """An admin of ACME in a browser, with Gong connected."""
    connected = world.event(IntegrationConnected(provider=Provider.PROVIDER_GONG), "gong")
    await world.deliver(connected, topic="integrations")
    async with browser(site(world), ACME, "admin") as client:
        yield client


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A program with an admin's session."""
    async with program(site(world), ACME, "admin") as client:
        yield client


async def drafted(admin: httpx.AsyncClient, **changes: str) -> str:
    """A drafted schedule's path."""
    answer = await admin.post("/schedules", data={**FORM, **changes})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removesuffix("/review")


async def activated(admin: httpx.AsyncClient, **changes: str) -> str:
    path = await drafted(admin, **changes)
    answer = await admin.post(f"{path}/activate", data={"version": "1"})
    assert answer.headers["location"] == f"{path}?done=activated"
    return path


async def fired(world: World, path: str, after: timedelta = timedelta(seconds=1)) -> None:
    """Let its next firing come, and so much time pass after it."""
    found = await world.schedules.schedule(ACME, ScheduleId(parse_uuid(path.rsplit("/", 1)[-1])))
    assert found.next_firing_at is not None
    world.clock.by = timedelta()
    world.clock.by = found.next_firing_at + after - world.clock.now()
    await WorkPool("schedule", ScheduleWork(world.schedules), PoolSettings(1, lease=30, poll=0.05)).drain()


async def test_a_schedule_is_drafted_reviewed_activated_and_its_history_read(
    world: World, admin: httpx.AsyncClient
) -> None:
    assert "No schedules yet" in (await admin.get("/schedules")).text
    form = (await admin.get("/schedules/new")).text
    request_id = re.findall(r'name="request_id" value="([0-9a-f-]+)"', form)[0]
    path = await drafted(admin, request_id=request_id)
    assert await drafted(admin, request_id=request_id) == path
    review = (await admin.get(f"{path}/review")).text
    assert "Every Monday at 09:00, UTC (the workspace's timezone)" in review
    assert len(re.findall(r"<li><time [^>]+>[^<]+09:00 UTC</time></li>", review)) == 5
    assert "At worst 100 analysed calls a month: 5 firings of 20." in review
    assert "More than the plan has" in review
    assert (await admin.post(f"{path}/activate", data={"version": "1"})).status_code == 303
    shown = (await admin.get(f"{path}?done=activated")).text
    assert "The schedule is active" in shown
    assert "It has not fired yet" in shown

    await fired(world, path, timedelta(days=7, hours=3))
    page = (await admin.get(path)).text
    assert ">Running<" in page
    assert "made up for at" in page
    assert "1 firing while the service was down" in page
    (run,) = re.findall(r'href="(/runs/[0-9a-f-]+)">The run', page)
    assert f'<a href="{path}">Price every week</a>, planned for' in (await admin.get(run)).text
    listed = (await admin.get("/schedules")).text
    assert "Every Monday at 09:00, about the previous week" in listed


async def test_a_skipped_firing_is_said_on_the_pages(world: World, admin: httpx.AsyncClient) -> None:
    path = await activated(admin)
    none = PlanChanged(plan="free", monthly_calls=0, concurrent_runs=1, models=["openai/small"])
    await world.deliver(world.event(none, "plan"), topic="plans")
    await fired(world, path)
    page = (await admin.get(path)).text
    assert "The last firing was skipped" in page
    assert "No quota: all analysed calls were used up" in page
    dashboard = (await admin.get("/dashboard")).text
    assert "A schedule did not run: Price every week" in dashboard
    refused = await admin.post(f"{path}/run")
    assert refused.status_code == 402
    assert "See the plans" in refused.text


async def test_a_member_reads_and_runs_but_changes_nothing(world: World, admin: httpx.AsyncClient) -> None:
    path = await activated(admin)
    async with browser(site(world), ACME, "member") as member:
        page = (await member.get(path)).text
        assert "Run now" in page
        for word in ("Edit", "Delete", "Pause"):
            assert word not in page
        assert "New schedule" not in (await member.get("/schedules")).text
        for target in ("/schedules/new", f"{path}/edit", f"{path}/review"):
            assert (await member.get(target)).status_code == 403
        for target in ("/schedules", path, f"{path}/activate", f"{path}/pause", f"{path}/delete"):
            assert (await member.post(target, data={**FORM, "version": "2"})).status_code == 403
        run = await member.post(f"{path}/run")
        assert run.headers["location"].startswith("/runs/")
        again = await member.post(f"{path}/run")
        assert again.status_code == 409
        assert "is under way" in again.text
    found = await world.schedules.schedule(ACME, ScheduleId(parse_uuid(path.rsplit("/", 1)[-1])))
    assert (found.state.value, found.version) == ("active", 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"brief": " "}, "the brief is empty"),
        ({"time": "25:00"}, "a time is written as 09:30"),
        ({"timezone": "Mars/Base"}, "this is not a timezone"),
        ({"cadence": "monthly", "month_day": "32"}, "from 1 to 31"),
        ({"cadence": "monthly", "month_day": ""}, "from 1 to 31"),
        ({"cadence": "weekdays"}, "choose at least one weekday"),
        ({"cadence": "hourly"}, "a cadence is one of daily, weekdays, weekly, monthly"),
        ({"range": "next_week"}, "a range is one of last_7_days"),
        ({"model": "openai/large"}, "does not include the model OpenAI, large"),
        ({"amount_min": "9", "amount_max": "1"}, "the amount range is reversed"),
        ({"name": "x" * 121}, "a name has up to 120"),
        ({"max_calls": "0"}, "max_calls must be from 1"),
    ],
)
async def test_what_is_wrong_is_said_beside_what_was_filled_in(
    admin: httpx.AsyncClient, change: dict[str, str], words: str
) -> None:
    answer = await admin.post("/schedules", data={**FORM, **change})
    assert answer.status_code == 400
    assert words in answer.text
    assert 'value="Maya, Tom"' in answer.text
    path = await drafted(admin)
    answer = await admin.post(path, data={**FORM, **change, "version": "1"})
    assert answer.status_code == 400
    assert words in answer.text
    assert f'action="{path}"' in answer.text


async def test_a_schedule_is_edited_paused_and_deleted(world: World, admin: httpx.AsyncClient) -> None:
    path = await activated(admin)
    form = (await admin.get(f"{path}/edit")).text
    assert '<option value="mon" selected>' in form
    assert 'name="version" value="2"' in form
    changed = await admin.post(path, data={**FORM, "version": "2", "cadence": "monthly", "timezone": "Europe/Berlin"})
    assert changed.headers["location"] == f"{path}?done=saved"
    page = (await admin.get(path)).text
    assert "Every month on the 31st at 09:00, Europe/Berlin" in page
    assert "In a month without a 31st it fires on the last day of the month." in page
    late = await admin.post(path, data={**FORM, "version": "2"})
    assert late.status_code == 409
    assert "another one by now" in late.text
    unseen = await admin.post(f"{path}/activate", data={"version": "2"})
    assert unseen.status_code == 409
    assert (await admin.post(f"{path}/pause")).headers["location"] == f"{path}?done=paused"
    assert "Paused: nothing fires" in (await admin.get(path)).text
    assert (await admin.post(f"{path}/delete")).headers["location"] == "/schedules?done=deleted"
    assert (await admin.get(path)).status_code == 404
    assert "No schedules yet" in (await admin.get("/schedules")).text


async def test_the_calls_of_a_firing_can_be_counted_before_it_is_activated(admin: httpx.AsyncClient) -> None:
    path = await drafted(admin, directions="inbound", minutes_min="5")
    review = (await admin.get(f"{path}/review")).text
    fields = re.findall(
        r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', review.split('action="/previews"')[1]
    )
    sent = [(name, value) for name, value in fields if name != "version"]
    assert ("owners", "Maya") in sent
    assert ("owners", "Tom") in sent
    answer = await admin.post("/previews", data=grouped(sent), headers={"hx-request": "true"})
    assert answer.status_code == 200, answer.text
    assert "Counting calls" in answer.text


def grouped(fields: list[tuple[str, str]]) -> dict[str, list[str]]:
    return {name: [value for other, value in fields if other == name] for name, _ in fields}


async def test_the_form_keeps_the_workspaces_timezone_apart(world: World, admin: httpx.AsyncClient) -> None:
    told = world.event(WorkspaceUpdated(name="Acme", timezone="Asia/Tokyo"), ACME)
    await world.deliver(told, topic="workspaces")
    assert "the workspace&#39;s, now Asia/Tokyo" in (await admin.get("/schedules/new")).text
    path = await drafted(admin)
    assert "09:00 JST" in (await admin.get(f"{path}/review")).text


async def test_the_api_does_what_the_pages_do(
    world: World, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    request_id = str(uuid7())
    made = await client.post("/api/v1/schedules", json={**BODY, "request_id": request_id})
    assert made.status_code == 201, made.text
    again = await client.post("/api/v1/schedules", json={**BODY, "request_id": request_id})
    assert again.json() == made.json()
    path, draft = made.headers["location"], made.json()
    assert (draft["state"], draft["version"], draft["month_day"], draft["time"]) == ("draft", 1, 31, "07:30")
    assert (draft["cap"], draft["timezone"], draft["weekdays"]) == (True, None, [])
    assert draft["question"]["brief"] == BODY["brief"]
    assert "first_day" not in draft["question"]
    assert len(draft["ahead"]["firings"]) == 5
    assert draft["ahead"]["most_firings_a_month"] == 1

    active = (await client.post(f"{path}/activate", json={"version": 1})).json()
    assert (active["state"], active["next_firing_at"]) == ("active", draft["ahead"]["firings"][0])
    changed = {**BODY, "cadence": "weekdays", "weekdays": ["mon", "fri"], "month_day": None, "version": 2}
    edited = (await client.put(path, json=changed)).json()
    assert (edited["cadence"], edited["weekdays"], edited["month_day"]) == ("weekdays", ["mon", "fri"], None)
    assert (await client.put(path, json=changed)).status_code == 409
    await fired(world, path)
    (firing,) = (await client.get(f"{path}/firings")).json()["firings"]
    assert (firing["outcome"], firing["by_hand"], firing["firings"]) == ("started", False, 1)
    await world.desk.cancel(ACME, RunId(parse_uuid(firing["run_id"])), MAYA)
    run = await client.post(f"{path}/run")
    assert run.status_code == 202
    assert run.headers["location"] == f"/api/v1/runs/{run.json()['run_id']}"
    (listed,) = (await client.get("/api/v1/schedules")).json()["schedules"]
    assert listed["last_firing"]["run_id"] == run.json()["run_id"]
    assert (await client.post(f"{path}/pause")).json()["state"] == "paused"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert {event.actor.source for event in await world.sent_of(AdminAction)} == {Source.API}


async def test_the_history_is_read_page_by_page(
    world: World, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    path = await activated(admin)
    for number in range(27):
        await world.owner(
            "INSERT INTO schedule_firings (workspace_id, schedule_id, planned_at, outcome, reason, fired_at) "
            f"SELECT workspace_id, id, now() - interval '{number + 1} days', 'skipped', 'no_quota', now() FROM schedules"
        )
    api = f"/api/v1{path}/firings"
    first = (await client.get(api)).json()
    rest = (await client.get(api, params={"before": first["next"]})).json()
    assert (len(first["firings"]), len(rest["firings"]), rest["next"]) == (25, 2, None)
    older = re.findall(rf'href="({path}\?before=[^"]+)"', (await admin.get(path)).text)[0]
    assert (await admin.get(older)).text.count(">Skipped<") == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time": "9 o'clock"}, "a time is written as 09:30"),
        ({"month_day": 0}, "from 1 to 31"),
        ({"month_day": 31.5}, "from 1 to 31"),
        ({"cadence": "weekly"}, "one weekday"),
        ({"cadence": "weekly", "weekdays": ["funday"]}, "a weekday is one of mon"),
        ({"timezone": "UTC+25"}, "this is not a timezone"),
        ({"brief": ""}, "the brief is empty"),
        ({"from": "2026-01-01"}, "is not"),
    ],
)
async def test_the_api_says_what_is_wrong(client: httpx.AsyncClient, change: dict[str, object], words: str) -> None:
    answer = await client.post("/api/v1/schedules", json={**BODY, **change})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


async def test_a_strangers_schedule_does_not_exist(world: World, admin: httpx.AsyncClient) -> None:
    path = await activated(admin)
    async with browser(site(world), RIVAL, "admin") as rival, program(site(world), RIVAL, "admin") as their_program:
        for target in (path, f"{path}/edit", f"{path}/review", "/schedules/not-an-id"):
            assert (await rival.get(target)).status_code == 404
        for target in (path, f"{path}/activate", f"{path}/pause", f"{path}/run", f"{path}/delete"):
            assert (await rival.post(target, data={**FORM, "version": "2"})).status_code == 404
        api = f"/api/v1{path}"
        for method, target, body in (
            ("GET", api, None),
            ("GET", f"{api}/firings", None),
            ("PUT", api, {**BODY, "version": 2}),
            ("POST", f"{api}/activate", {"version": 2}),
            ("POST", f"{api}/pause", None),
            ("POST", f"{api}/run", None),
            ("DELETE", api, None),
        ):
            assert (await their_program.request(method, target, json=body)).status_code == 404

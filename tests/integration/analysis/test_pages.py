"""The pages, as a browser without JavaScript and as htmx see them."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from analysis.domain.request import RunId
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.calls.v1.calls_pb2 import FetchPaused, PreviewReady
from callmine.fetches.v1.fetches_pb2 import PreviewRequested
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, Provider
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceUpdated
from core.ids import uuid7
from integration.analysis.site import browser, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, call_answer, call_document, question
from messaging import Verdict

BRIEF = {"brief": "What do buyers say about price?", "max_calls": "50"}


@pytest.fixture
async def maya(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A member of ACME in her browser."""
    async with browser(site(world), ACME) as client:
        yield client


def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def test_the_start_page_leads_to_the_dashboard(maya: httpx.AsyncClient) -> None:
    answer = await maya.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
    assert "Nothing asked yet" in (await maya.get("/dashboard")).text


async def test_a_run_can_be_started_watched_and_read_without_javascript(world: World, maya: httpx.AsyncClient) -> None:
    form = await maya.get("/new")
    assert "Connect Gong first" in form.text
    request_id = re.findall(r'name="request_id" value="([0-9a-f-]+)"', form.text)[0]
    started = await maya.post(
        "/runs", data={**BRIEF, "request_id": request_id, "stages": "Proposal, Evaluation", "amount_min": ""}
    )
    assert started.status_code == 303, started.text
    run_path = started.headers["location"]
    page = await maya.get(run_path)
    assert 'http-equiv="refresh"' in page.text
    assert f'data-events="{run_path}/events"' in page.text

    run_id = run_of(run_path)
    await world.deliver(await world.fetched(run_id, "c1"), world.completed(run_id, 1))
    assert "0 of 1" in (await maya.get(run_path)).text
    await world.work()
    done = await maya.get(run_path)
    assert 'http-equiv="refresh"' not in done.text
    assert "data-events" not in done.text
    report_path = re.findall(r'href="(/reports/[0-9a-f-]+)"', done.text)[0]

    report = await maya.get(report_path)
    assert report.status_code == 200
    assert "Honestly, the price is higher than we planned for." in report.text
    assert f"{report_path}/calls/c1#s2" in report.text
    assert "Tomás Ferreira" in report.text
    assert "Maya Lindqvist" in report.text
    assert re.search(r"<dt>Deal context</dt>\s*<dd>Gong 1 call</dd>", report.text)
    transcript = await maya.get(f"{report_path}/calls/c1")
    assert 'id="s2"' in transcript.text
    assert "0:04" in transcript.text
    assert "Price decides" in (await maya.get("/dashboard")).text


def run_of(path: str) -> RunId:
    return RunId(uuid.UUID(path.rsplit("/", 1)[-1]))


async def test_htmx_gets_the_parts_alone(world: World, maya: httpx.AsyncClient) -> None:
    started = await maya.post("/runs", data=BRIEF)
    part = await maya.get(started.headers["location"], headers={"hx-request": "true"})
    assert "<html" not in part.text
    assert 'id="run"' in part.text
    preview = await maya.post("/previews", data=BRIEF, headers={"hx-request": "true"})
    assert "<html" not in preview.text
    assert "Counting calls" in preview.text


async def test_a_run_whose_fetch_rests_says_until_when(world: World, maya: httpx.AsyncClient) -> None:
    path = (await maya.post("/runs", data=BRIEF)).headers["location"]
    run_id = str(run_of(path))
    assert "Gong asks to wait" not in (await maya.get(path)).text
    rests = FetchPaused(run_id=run_id, resume_at=Timestamp(seconds=4_107_593_100), reason="Gong asks to wait")
    await world.deliver(world.event(rests, run_id))
    shown = (await maya.get(path)).text
    assert re.search(r"Gong asks to wait until <time [^>]+>1 Mar 2100, 14:05 UTC</time>\.", shown)
    told = (await maya.get(f"/api/v1{path}")).json()
    assert (told["paused_until"], told["pause_reason"]) == ("2100-03-01T14:05:00+00:00", "Gong asks to wait")


async def test_times_are_shown_in_the_workspaces_timezone_with_utc_beside(
    world: World, maya: httpx.AsyncClient
) -> None:
    told = world.event(WorkspaceUpdated(name="Acme", timezone="Asia/Tokyo"), ACME)
    await world.deliver(told, topic="workspaces")
    path = (await maya.post("/runs", data=BRIEF)).headers["location"]
    rests = FetchPaused(run_id=str(run_of(path)), resume_at=Timestamp(seconds=4_107_593_100), reason="Gong rests")
    await world.deliver(world.event(rests, str(run_of(path))))
    there = '<time datetime="2100-03-01T14:05:00Z" title="1 Mar 2100, 14:05 UTC">1 Mar 2100, 23:05 JST</time>'
    for headers in ({}, {"hx-request": "true"}):
        assert f"Gong rests until {there}." in (await maya.get(path, headers=headers)).text
    await world.deliver(await world.fetched(run_of(path), "c1"), world.completed(run_of(path), 1))
    await world.work()
    report = (await world.desk.run(ACME, run_of(path))).report_id
    # Late in the evening in UTC is the next day in Tokyo.
    await world.owner("UPDATE reports SET created_at = date_trunc('day', now()) - interval '1 hour'")
    made = (datetime.now(UTC) - timedelta(days=1)).replace(hour=23, minute=0)
    here = f"{made + timedelta(hours=9):%-d %b %Y}"
    shown = (await maya.get(f"/reports/{report}")).text
    assert f"Report of {here}" in shown
    assert f'title="{made:%-d %b %Y}, 23:00 UTC">{here}, 08:00 JST</time>' in shown
    for page in ("/dashboard", path):
        times = re.findall(r"<time [^>]+>([^<]+)</time>", (await maya.get(page)).text)
        assert times
        assert all(shown.endswith(" JST") for shown in times), times


async def test_a_run_says_what_its_fetch_had_to_do_without(world: World, maya: httpx.AsyncClient) -> None:
    path = (await maya.post("/runs", data=BRIEF)).headers["location"]
    run_id = run_of(path)
    remarks = [f"HubSpot <b>could</b> not be asked: number {number}." for number in range(11)] + ["x" * 501]
    assert (await maya.get(f"/api/v1{path}")).json()["remarks"] == []
    await world.deliver(world.completed(run_id, 3, remarks=["x" * 501, *remarks]))
    told = (await maya.get(f"/api/v1{path}")).json()["remarks"]
    assert told == ["x" * 500, *remarks[:9]]
    assert "HubSpot &lt;b&gt;could&lt;/b&gt; not be asked: number 8." in (await maya.get(path)).text


async def test_a_preview_says_how_many_calls_match(world: World, maya: httpx.AsyncClient) -> None:
    asked = await maya.post("/previews", data=BRIEF)
    path = asked.headers["location"]
    waiting = await maya.get(path)
    assert "Counting calls" in waiting.text
    assert BRIEF["brief"] in waiting.text
    preview_id = path.rsplit("/", 1)[-1]
    ready = PreviewReady(preview_id=preview_id, matching_calls=18, total_seconds=4 * 3600 + 12 * 60)
    await world.deliver(world.event(ready, preview_id))
    shown = (await maya.get(path, headers={"hx-request": "true"})).text
    assert "18 calls match, 4 h 12 min" in shown
    assert "hx-trigger" not in shown


async def sampled(world: World, preview_id: str, document: object) -> PreviewReady:
    """Ingest's answer to a preview, with its sample in storage."""
    body = json.dumps(document).encode()
    stored = await world.objects.workspace(ACME).put(f"previews/{preview_id}/0123456789abcdef.json.gz", body)
    return PreviewReady(
        preview_id=preview_id,
        matching_calls=18,
        total_seconds=60,
        sample_object_name=stored.name,
        sample_sha256=stored.sha256,
        sample_size_bytes=stored.size,
    )


SAMPLE: dict[str, object] = {
    "title": "<b>Brightwater</b> & Co",
    "started_at": "2026-11-02T15:30:00+00:00",
    "duration_seconds": 1920,
    "owner": "Maya Lindqvist",
    "stage": "Proposal",
    "participants": ["Maya Lindqvist", "<script>alert(1)</script>"],
    "more_participants": 3,
}


async def test_a_preview_shows_some_of_the_calls(world: World, maya: httpx.AsyncClient) -> None:
    path = (await maya.post("/previews", data=BRIEF)).headers["location"]
    preview_id = path.rsplit("/", 1)[-1]
    assert (await maya.get(f"/api/v1{path}")).json()["sample"] is None
    ready = await sampled(world, preview_id, {"version": 1, "calls": [SAMPLE]})
    await world.deliver(world.event(ready, preview_id))
    for headers in ({}, {"hx-request": "true"}):
        shown = (await maya.get(path, headers=headers)).text
        assert "&lt;b&gt;Brightwater&lt;/b&gt; &amp; Co" in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt; and 3 more" in shown
        assert "<script>alert" not in shown
        assert "2 Nov 2026, 15:30 UTC" in shown
        assert "32 min, Proposal" in shown
        assert "Maya Lindqvist (led the call)" in shown
        assert "The newest 1" in shown
    told = (await maya.get(f"/api/v1{path}")).json()
    assert (told["matching_calls"], told["sample"]) == (18, [SAMPLE])
    async with browser(site(world), RIVAL) as rival:
        assert (await rival.get(f"/api/v1{path}")).status_code == 404


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"version": 2, "calls": [SAMPLE]},
        {"version": 1},
        {"version": 1, "calls": ["x"]},
        {"version": 1, "calls": [{**SAMPLE, "participants": "Maya"}]},
        {"version": 1, "calls": [{**SAMPLE, "started_at": "2026-11-02T15:30:00"}]},
        {"version": 1, "calls": [{**SAMPLE, "duration_seconds": "long"}]},
        {"version": 1, "calls": [{"title": "x"}]},
    ],
)
async def test_without_a_sample_that_can_be_read_the_count_stands(
    world: World, maya: httpx.AsyncClient, document: object
) -> None:
    path = (await maya.post("/previews", data=BRIEF)).headers["location"]
    preview_id = path.rsplit("/", 1)[-1]
    ready = await sampled(world, preview_id, document or {"version": 1, "calls": [SAMPLE]})
    if document is None:
        await world.objects.workspace(ACME).delete(ready.sample_object_name)
    await world.deliver(world.event(ready, preview_id))
    shown = await maya.get(path)
    assert shown.status_code == 200
    assert "18 calls match" in shown.text
    assert "cannot be shown right now" in shown.text
    told = (await maya.get(f"/api/v1{path}")).json()
    assert (told["matching_calls"], told["sample"]) == (18, None)


async def test_no_more_is_shown_than_was_agreed(world: World, maya: httpx.AsyncClient) -> None:
    path = (await maya.post("/previews", data=BRIEF)).headers["location"]
    preview_id = path.rsplit("/", 1)[-1]
    crowd = {**SAMPLE, "participants": [f"Person {number}" for number in range(20)]}
    await world.deliver(
        world.event(await sampled(world, preview_id, {"version": 1, "calls": [crowd] * 20}), preview_id)
    )
    shown = (await maya.get(f"/api/v1{path}")).json()["sample"]
    assert len(shown) == 10
    assert (len(shown[0]["participants"]), shown[0]["more_participants"]) == (12, 11)


FILTERS: dict[str, str | list[str]] = {
    "directions": ["inbound", "unknown"],
    "minutes_min": "5",
    "minutes_max": "",
    "title_words": "Renewal,  pricing",
    "participants": "Ana Bo, @acme.com",
}


async def test_what_the_form_says_of_calls_is_asked_for_and_shown_again(world: World, maya: httpx.AsyncClient) -> None:
    assert '<details class="more">' in (await maya.get("/new")).text
    path = (await maya.post("/previews", data={**BRIEF, **FILTERS})).headers["location"]
    (event,) = await world.sent_of(PreviewRequested)
    assert isinstance(event.payload, PreviewRequested)
    wanted = event.payload.filter
    assert list(wanted.directions) == ["inbound", "unknown"]
    assert (wanted.seconds_min, wanted.HasField("seconds_max")) == (300, False)
    assert list(wanted.title_words) == ["Renewal", "pricing"]
    assert list(wanted.participants) == ["Ana Bo", "@acme.com"]
    page = (await maya.get(path)).text
    assert '<details class="more" open>' in page
    assert re.findall(r'name="directions" value="(\w+)" checked', page) == ["inbound", "unknown"]
    assert re.search(r'name="minutes_min" type="number" value="5"', page)
    assert 'value="Renewal pricing"' in page
    assert 'value="Ana Bo, @acme.com"' in page


async def test_a_run_and_its_report_say_what_they_were_asked_of(world: World, maya: httpx.AsyncClient) -> None:
    amounts = {"amount_min": "1000", "amount_max": "25000", "employees_max": "300", "stages": "Proposal, Won"}
    path = (await maya.post("/runs", data={**BRIEF, **FILTERS, **amounts})).headers["location"]
    await world.deliver(await world.fetched(run_of(path), "c1"), world.completed(run_of(path), 1))
    await world.work()
    run = (await maya.get(path)).text
    (report_path,) = set(re.findall(r'href="(/reports/[0-9a-f-]+)"', run))
    for page in (run, (await maya.get(report_path)).text):
        facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", page))
        wanted = {"Deal stages": "Proposal, Won", "Title words": "Renewal, pricing", "On the call": "Ana Bo, @acme.com"}
        wanted |= {"Direction": "inbound, unknown", "Minutes": "at least 5"}
        wanted |= {"Amount": "1,000 to 25,000", "Company size": "at most 300"}
        assert wanted.items() <= facts.items()
        assert "Deal owners" not in facts


async def test_the_api_takes_the_same_filters_as_lists(world: World, maya: httpx.AsyncClient) -> None:
    given = {"directions": ["conference"], "minutes_max": 30, "title_words": ["Q3"], "participants": ["acme.com"]}
    answer = await maya.post("/api/v1/previews", json={"brief": BRIEF["brief"], **given})
    assert answer.status_code == 202
    assert {name: answer.json()["question"][name] for name in given} == given
    sideways = {"brief": BRIEF["brief"], "directions": ["sideways"]}
    bad = await maya.post("/api/v1/runs", json=sideways, headers={"accept": "application/json"})
    assert bad.status_code == 400
    assert bad.json()["detail"] == "a direction is one of inbound, outbound, conference, unknown"


async def test_the_notice_goes_when_gong_is_connected(world: World, maya: httpx.AsyncClient) -> None:
    connected = IntegrationConnected(provider=Provider.PROVIDER_GONG, credential_version=1)
    await world.deliver(world.event(connected, f"{ACME}:gong"), topic="integrations")
    assert "Connect Gong first" not in (await maya.get("/new")).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"brief": "  "}, "the brief is empty"),
        ({"brief": "x" * 10_001}, "10,001 characters"),
        ({"from": today(), "to": (datetime.now(UTC).date() - timedelta(days=3)).isoformat()}, "reversed"),
        ({"to": (datetime.now(UTC).date() + timedelta(days=2)).isoformat()}, "in the future"),
        ({"from": "2001-01-01"}, "longer than three years"),
        ({"model": "openai/large"}, "does not include the model OpenAI, large; choose OpenAI, small or"),
        ({"model": "gpt-17"}, "there is no such model; choose OpenAI, small"),
        ({"max_calls": "0"}, "max_calls must be from 1"),
        ({"max_calls": "5001"}, "max_calls must be from 1"),
        ({"amount_min": "9", "amount_max": "3"}, "amount range is reversed"),
        ({"employees_min": "-1"}, "company size must be a number"),
        ({"employees_max": "2147483648"}, "company size must be a number from zero to 2,147,483,647"),
        ({"minutes_min": "9", "minutes_max": "3"}, "length in minutes range is reversed"),
        ({"minutes_max": "1441"}, "length in minutes must be a number from zero to 1,440"),
        ({"directions": "sideways"}, "a direction is one of inbound"),
        ({"title_words": "renewal !!"}, "a title word needs a letter or a digit"),
        ({"participants": "x" * 201}, "values of participant"),
    ],
)
async def test_bad_input_is_a_400_that_says_what_is_wrong(
    world: World, maya: httpx.AsyncClient, changes: dict[str, str], words: str
) -> None:
    for path in ("/runs", "/previews"):
        answer = await maya.post(path, data={**BRIEF, **changes})
        assert answer.status_code == 400
        assert words in answer.text
        # What was typed is not lost.
        assert "<textarea" in answer.text
    assert await world.rows("SELECT * FROM runs") == []
    assert await world.sent() == []


async def test_an_unreadable_number_is_a_400(maya: httpx.AsyncClient) -> None:
    assert (await maya.post("/runs", data={**BRIEF, "max_calls": "many"})).status_code == 400
    assert (await maya.post("/runs", data={**BRIEF, "from": "yesterday"})).status_code == 400


async def test_another_workspaces_ids_do_not_exist(world: World) -> None:
    run_id = await world.finished_run()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    preview_id = await world.desk.ask_preview(ACME, question(), MAYA)
    paths = {
        f"/runs/{run_id}": "/runs/{}",
        f"/reports/{report_id}": "/reports/{}",
        f"/reports/{report_id}/calls/call0": "/reports/{}/calls/call0",
        f"/previews/{preview_id}": "/previews/{}",
    }
    async with browser(site(world), RIVAL) as rival, browser(site(world), ACME) as maya:
        for theirs, nothing in paths.items():
            assert (await maya.get(theirs)).status_code == 200
            for other in (str(uuid7()), "not-an-id"):
                foreign, missing = await rival.get(theirs), await rival.get(nothing.format(other))
                assert foreign.status_code == missing.status_code == 404
                assert plain(foreign.text) == plain(missing.text)
        assert (await rival.post(f"/reports/{report_id}/export")).status_code == 404
        assert (await rival.post(f"/runs/{run_id}/cancel")).status_code == 404
        assert "Nothing asked yet" in (await rival.get("/dashboard")).text
    assert await world.sent_of(AdminAction) == []


def plain(page: str) -> str:
    """The page without what differs from request to request."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|not-an-id", "", page)


async def test_an_export_is_the_document_and_is_audited(world: World, maya: httpx.AsyncClient) -> None:
    run_id = await world.finished_run()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    answer = await maya.post(f"/reports/{report_id}/export", data={"format": "json"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    document = json.loads(answer.text)
    assert (document["format"], document["version"], document["report_id"]) == ("callmine.report", 2, str(report_id))
    (audited,) = await world.sent_of(AdminAction)
    action = audited.payload
    assert isinstance(action, AdminAction)
    assert action.type == AdminActionType.ADMIN_ACTION_TYPE_REPORT_EXPORTED
    assert (action.target_kind, action.target_id) == ("report", str(report_id))
    assert [(change.field, change.after) for change in action.diff] == [("format", '"json"')]
    assert audited.actor.email == "maya@harborline.example"
    assert (await maya.post(f"/reports/{report_id}/export", data={"format": "docx"})).status_code == 400


async def test_a_run_can_be_cancelled_once(world: World, maya: httpx.AsyncClient) -> None:
    path = (await maya.post("/runs", data=BRIEF)).headers["location"]
    assert (await maya.post(f"{path}/cancel")).status_code == 303
    assert "The run was cancelled" in (await maya.get(path)).text
    assert (await maya.post(f"{path}/cancel")).status_code == 409


async def test_the_dashboard_is_paged(world: World, maya: httpx.AsyncClient) -> None:
    for number in range(27):
        await world.desk.start(ACME, question(brief=f"Question {number}?"), MAYA)
    first = (await maya.get("/dashboard")).text
    older = re.findall(r'href="(/dashboard\?before=[0-9a-f-]+)"', first)[0]
    await world.desk.start(ACME, question(brief="Asked meanwhile?"), MAYA)
    second = (await maya.get(older)).text
    seen = [re.findall(r"Question (\d+)\?", page) for page in (first, second)]
    assert [int(number) for number in seen[0] + seen[1]] == list(range(26, -1, -1))


async def test_quotes_of_people_are_escaped(world: World, maya: httpx.AsyncClient) -> None:
    nasty = "Our <script>alert(1)</script> budget & plans are frozen."
    world.model.script = lambda prompt: call_answer([("s2", nasty)])
    run_id = await world.desk.start(ACME, question(brief="<b>bold</b>?"), MAYA)
    document = call_document("c1", nasty)
    await world.deliver(await world.fetched(run_id, "c1", document=document), world.completed(run_id, 1))
    await world.work()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    for path in (f"/reports/{report_id}", f"/reports/{report_id}/calls/c1", f"/runs/{run_id}", "/dashboard"):
        page = (await maya.get(path)).text
        assert "<script>alert" not in page
        assert "<b>bold" not in page


async def test_nobody_gets_in_without_a_session(world: World) -> None:
    async with browser(site(world), ACME) as client:
        client.cookies.clear()
        for path in ("/dashboard", "/new", f"/runs/{uuid7()}", f"/api/v1/reports/{uuid7()}"):
            assert (await client.get(path)).status_code == 401


async def prepared(world: World) -> list[PreviewRequested]:
    """The lists that ingest was asked for."""
    return [
        event.payload for event in await world.sent_of(PreviewRequested) if isinstance(event.payload, PreviewRequested)
    ]


async def test_opening_the_form_has_the_calls_listed_once_in_the_time_of_a_list(
    world: World, maya: httpx.AsyncClient
) -> None:
    assert (await maya.get("/new")).status_code == 200
    assert await prepared(world) == [], "Gong is not connected"
    connected = world.event(IntegrationConnected(provider=Provider.PROVIDER_GONG), f"{ACME}:gong")
    await world.deliver(connected, topic="integrations")
    pages = await asyncio.gather(*(maya.get("/new") for _ in range(5)))
    assert [page.status_code for page in pages] == [200] * 5
    [asked] = await prepared(world)
    # The days that the form begins with, and no condition: whatever is asked of them is among what is read.
    await maya.post("/previews", data=BRIEF)
    typed = (await prepared(world))[1]
    assert asked.filter == typed.filter
    ready = PreviewReady(preview_id=asked.preview_id, matching_calls=18, total_seconds=60)
    assert set(await world.deliver(world.event(ready, asked.preview_id))) == {Verdict.ACK}
    assert await world.rows("SELECT * FROM runs") == await world.rows("SELECT * FROM usage") == []
    await world.owner("UPDATE prepared_lists SET asked_at = now() - interval '599 seconds'")
    await maya.get("/new")
    assert len(await prepared(world)) == 2
    await world.owner("UPDATE prepared_lists SET asked_at = now() - interval '601 seconds'")
    await maya.get("/new")
    assert len(await prepared(world)) == 3
    assert {row["workspace_id"] for row in await world.rows("SELECT * FROM prepared_lists")} == {ACME}


async def test_the_page_of_a_partial_report_says_what_it_leaves_out(world: World, maya: httpx.AsyncClient) -> None:
    path = (await maya.post("/runs", data=BRIEF)).headers["location"]
    await world.deliver(await world.fetched(run_of(path), "c1"))
    await world.workers.drain()
    await world.deliver(await world.fetched(run_of(path), "c2"))
    await world.owner("UPDATE run_calls SET lease_until = now() + interval '1 hour' WHERE done_at IS NULL")
    assert (await maya.post(f"{path}/cancel")).status_code == 303
    waiting = (await maya.get(path)).text
    assert "A report of the 1 call that is finished is being written." in waiting
    assert "data-events" in waiting
    await world.work()
    done = (await maya.get(path)).text
    assert "Read the partial report" in done
    assert "data-events" not in done
    report = (await maya.get(re.findall(r'href="(/reports/[0-9a-f-]+)"', done)[0])).text
    assert "This report is partial: its run was cancelled" in report
    assert "The numbers are about the 1 call that had been analysed by then." in report
    assert re.search(
        r'<a href="#left-out">1 call</a> that had been fetched is left out\.\s+More calls may match', report
    )
    assert re.search(
        r'id="left-out">.*?\(stopped by a member\).*?<li>Call of 2 Nov 2026, 15:32 UTC</li>', report, re.DOTALL
    )


async def test_a_run_cancelled_long_ago_is_not_waited_for(world: World, maya: httpx.AsyncClient) -> None:
    """Runs that were cancelled before there were partial reports have none and get none."""
    path = (await maya.post("/runs", data=BRIEF)).headers["location"]
    await world.deliver(await world.fetched(run_of(path), "c1"))
    await world.workers.drain()
    await maya.post(f"{path}/cancel")
    await world.owner(
        "UPDATE syntheses SET done_at = now()", "UPDATE runs SET finished_at = finished_at - interval '1 hour'"
    )
    shown = (await maya.get(path)).text
    assert "is being written" not in shown
    assert "data-events" not in shown


async def test_a_theme_and_the_calls_of_a_report_have_pages_of_their_own(world: World, maya: httpx.AsyncClient) -> None:
    run_id = await world.finished_run(calls=3)
    path = f"/reports/{(await world.desk.run(ACME, run_id)).report_id}"
    theme = await maya.get(f"{path}?theme=1")
    assert theme.status_code == 200
    assert theme.text.count("<blockquote>") == 3
    assert "Back to the report" in theme.text
    calls = await maya.get(f"{path}?calls=9")
    assert re.findall(r'href="[^"]+/calls/(call\d)"', calls.text) == ["call0", "call1", "call2"]
    for odd in ("theme=99", "theme=-1", "calls=0"):
        assert "Executive summary" in (await maya.get(f"{path}?{odd}")).text
    assert (await maya.get(f"{path}?theme=x")).status_code == 400

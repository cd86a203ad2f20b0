"""Choosing where reports are posted, seeing what became of it, and notices: pages without JavaScript, and the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.calls.v1.calls_pb2 import FetchFailed
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, Provider
from integration.analysis.delivery_bench import GENERAL, LEADERSHIP, SALES, DeliveryBench, delivery_bench
from integration.analysis.site import browser, program, site
from integration.analysis.test_schedule_pages import FORM, fired
from integration.analysis.world import ACME, MAYA, World
from testkit.outside import Outside

CHOICE = {"post": "true", "channel": SALES, "covers": "all", "version": "0"}


@pytest.fixture
async def bench(world: World, outside: Outside) -> AsyncIterator[DeliveryBench]:
    async with delivery_bench(world, outside) as bench:
        yield bench


@pytest.fixture
async def admin(bench: DeliveryBench) -> AsyncIterator[httpx.AsyncClient]:
    """An admin in a browser: the person whose runs the tests start."""
    async with browser(site(bench.world), ACME, "admin", MAYA.id) as client:
        yield client


async def test_an_admin_chooses_a_channel_from_slacks(bench: DeliveryBench, admin: httpx.AsyncClient) -> None:
    empty = await admin.get("/settings/delivery")
    assert (empty.status_code, "Nothing was posted yet" in empty.text) == (200, True)
    asked = await admin.post("/settings/delivery/channels")
    assert asked.headers["location"] == "/settings/delivery?done=asked"
    assert "Slack is being asked for its channels" in (await admin.get("/settings/delivery")).text
    await bench.slack.answer(await bench.slack.granted())
    await bench.skip_waits()
    await bench.list_pool().drain()
    page = (await admin.get("/settings/delivery")).text
    assert re.search(rf'<option value="{SALES}"\s*>#sales</option>', page)
    assert re.search(rf'<option value="{LEADERSHIP}"\s*>#leadership \(invite Callmine first\)</option>', page)
    assert "old-deals" not in page
    saved = await admin.post("/settings/delivery", data=CHOICE)
    assert saved.headers["location"] == "/settings/delivery?done=saved"
    assert re.search(rf'<option value="{SALES}" selected>', (await admin.get("/settings/delivery")).text)


async def test_what_is_wrong_is_said_and_what_was_filled_in_is_kept(admin: httpx.AsyncClient) -> None:
    for sent, words in (
        ({**CHOICE, "channel": ""}, "choose the channel"),
        ({**CHOICE, "channel": "", "other_channel": "sales-team"}, "a channel&#39;s id is a C or G"),
    ):
        answer = await admin.post("/settings/delivery", data=sent)
        assert answer.status_code == 400, answer.text
        assert words in answer.text
    assert (await admin.post("/settings/delivery", data=CHOICE)).status_code == 303
    stale = await admin.post("/settings/delivery", data={**CHOICE, "post": "false"})
    assert (stale.status_code, "Somebody else changed this" in stale.text) == (409, True)


async def test_members_neither_see_nor_change_it(bench: DeliveryBench) -> None:
    app = site(bench.world)
    async with browser(app, ACME) as member, program(app, ACME) as client:
        assert (await member.get("/settings/delivery")).status_code == 403
        assert (await member.post("/settings/delivery", data=CHOICE)).status_code == 403
        assert (await client.get("/api/v1/delivery")).status_code == 403
        assert (await client.put("/api/v1/delivery", json={"channel": SALES, "version": 0})).status_code == 403
        assert (await client.get("/api/v1/delivery/channels")).status_code == 403


async def test_the_api_reads_and_changes_the_same(bench: DeliveryBench) -> None:
    await bench.list_channels()
    async with program(site(bench.world), ACME, "admin") as client:
        assert (await client.get("/api/v1/delivery")).json() == {
            "channel": None,
            "channel_name": None,
            "covers": "all",
            "version": 0,
        }
        put = await client.put("/api/v1/delivery", json={"channel": SALES, "covers": "schedules", "version": 0})
        assert put.json() == {"channel": SALES, "channel_name": "sales", "covers": "schedules", "version": 1}
        assert (await client.put("/api/v1/delivery", json={"channel": None, "version": 0})).status_code == 409
        assert (await client.put("/api/v1/delivery", json={"channel": "#sales", "version": 1})).status_code == 400
        listed = (await client.get("/api/v1/delivery/channels")).json()
        assert [(one["name"], one["joined"]) for one in listed["channels"]] == [
            ("general", True),
            ("sales", True),
            ("leadership", False),
        ]
        assert (await client.post("/api/v1/delivery/channels")).status_code == 202
        assert (await client.post("/api/v1/delivery/channels")).status_code == 409


async def test_the_report_says_what_became_of_it(bench: DeliveryBench, admin: httpx.AsyncClient) -> None:
    await bench.list_channels()
    run_id = await bench.ready()
    report_id = (await bench.world.desk.run(ACME, run_id)).report_id
    assert "Being posted to #sales" in (await admin.get(f"/reports/{report_id}")).text
    await bench.work()
    assert "Posted to #sales, <time" in (await admin.get(f"/reports/{report_id}")).text
    async with program(site(bench.world), ACME) as client:
        [told] = (await client.get(f"/api/v1/runs/{run_id}/deliveries")).json()["deliveries"]
        assert (told["state"], told["channel_name"], told["report_id"]) == ("posted", "sales", str(report_id))


async def test_a_post_that_failed_is_told_in_words_and_can_be_tried_again(
    bench: DeliveryBench, admin: httpx.AsyncClient
) -> None:
    run_id = await bench.ready(LEADERSHIP)
    await bench.work()
    report_id = (await bench.world.desk.run(ACME, run_id)).report_id
    dashboard = (await admin.get("/dashboard")).text
    assert "type /invite @Callmine there" in dashboard
    page = (await admin.get(f"/reports/{report_id}")).text
    assert f"Not posted to {LEADERSHIP}: Callmine&#39;s app is not in the channel" in page
    [path] = re.findall(r'action="(/deliveries/[0-9a-f-]{36}/repeat)"', page)
    async with browser(site(bench.world), ACME) as member:
        assert (await member.post(path)).status_code == 403
        assert path not in (await member.get(f"/reports/{report_id}")).text
    await bench.choose(SALES)
    assert (await admin.post(path)).headers["location"] == f"/reports/{report_id}#delivery"
    await bench.slack.answer(await bench.slack.granted())
    await bench.work()
    assert len(bench.posted()) == 1
    assert (await admin.post(path)).status_code == 404, "it has another id by now"


async def test_notices_stand_above_the_pages_until_they_are_dismissed(
    bench: DeliveryBench, admin: httpx.AsyncClient
) -> None:
    for _ in range(5):
        await bench.world.finished_run()
    page = (await admin.get("/dashboard")).text
    assert (page.count("Your report is ready"), "There are more notices" in page) == (3, True)
    paths = re.findall(r'action="(/notices/[0-9a-f-]{36}/dismiss)"', page)
    async with browser(site(bench.world), ACME, "admin", "user_other") as other:
        assert "Your report is ready" not in (await other.get("/dashboard")).text
        assert (await other.post(paths[0])).status_code == 404
    assert (await admin.post(paths[0])).headers["location"] == "/dashboard"
    by_htmx = await admin.post(paths[1], headers={"hx-request": "true"})
    assert (by_htmx.status_code, by_htmx.text) == (200, "")
    page = (await admin.get("/dashboard")).text
    assert (page.count("Your report is ready"), "There are more notices" in page) == (3, False)


async def activated(admin: httpx.AsyncClient, **changes: str) -> str:
    """A schedule that fires; its path."""
    answer = await admin.post("/schedules", data={**FORM, **changes})
    assert answer.status_code == 303, answer.text
    path = str(answer.headers["location"]).removesuffix("/review")
    await admin.post(f"{path}/activate", data={"version": "1"})
    return path


@pytest.mark.parametrize(
    ("own", "posted"),
    [
        pytest.param({}, ["general"], id="as-the-workspace"),
        pytest.param({"delivery": "channel", "channel": SALES}, ["sales"], id="its-own"),
        pytest.param({"delivery": "channel", "other_channel": SALES}, ["sales"], id="by-id"),
        pytest.param({"delivery": "none", "channel": SALES}, [], id="nowhere"),
    ],
)
async def test_a_schedules_run_is_posted_where_it_says(
    bench: DeliveryBench, admin: httpx.AsyncClient, own: dict[str, str], posted: list[str]
) -> None:

    world = bench.world
    await world.deliver(
        world.event(IntegrationConnected(provider=Provider.PROVIDER_GONG), "gong"), topic="integrations"
    )
    await bench.list_channels()
    await bench.choose(GENERAL)
    path = await activated(admin, **own)
    await fired(world, path)
    [row] = await world.rows("SELECT id FROM runs")
    await world.deliver(await world.fetched(row["id"], "call0"), world.completed(row["id"], 1))
    await world.work()
    if posted:
        await bench.slack.answer(await bench.slack.granted())
    await bench.work()
    assert [message["channel"] for message in bench.posted()] == posted
    assert all("Price every week" in str(message["blocks"]) for message in bench.posted())
    assert await bench.told() == [], "nobody has asked for it by hand"
    page = (await admin.get(path)).text
    assert ("#sales in Slack" in page) == (own.get("delivery") == "channel")


async def test_a_schedules_channel_is_audited_and_comes_back_in_its_form(
    bench: DeliveryBench, admin: httpx.AsyncClient
) -> None:
    await bench.list_channels()
    path = await activated(admin, delivery="channel", channel=SALES)
    edit = (await admin.get(f"{path}/edit")).text
    assert re.search(rf'<option value="{SALES}" selected>', edit)
    version = re.findall(r'name="version" value="(\d+)"', edit)[0]
    changed = {**FORM, "version": version, "delivery": "none"}
    assert (await admin.post(path, data=changed)).status_code == 303
    last = (await bench.world.sent_of(AdminAction))[-1].payload
    assert isinstance(last, AdminAction)
    assert [(one.field, one.before, one.after) for one in last.diff] == [
        ("slack_channel", f'"#sales ({SALES})"', '"none"')
    ]
    wrong = await admin.post("/schedules", data={**FORM, "delivery": "channel"})
    assert (wrong.status_code, "choose the channel that the schedule" in wrong.text) == (400, True)


async def test_a_schedules_run_that_failed_is_told_where_its_report_would_have_been(
    bench: DeliveryBench, admin: httpx.AsyncClient
) -> None:
    from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, Provider

    world = bench.world
    await world.deliver(
        world.event(IntegrationConnected(provider=Provider.PROVIDER_GONG), "gong"), topic="integrations"
    )
    path = await activated(admin, delivery="channel", channel=SALES)
    await fired(world, path)
    [row] = await world.rows("SELECT id FROM runs")
    await world.deliver(world.event(FetchFailed(run_id=str(row["id"]), reason="SECRET"), str(row["id"])))
    await bench.slack.answer(await bench.slack.granted())
    await bench.work()
    [message] = bench.posted()
    assert message["text"] == "No report: Price every week"
    assert "SECRET" not in str(message)
    assert f"/runs/{row['id']}|See why" in str(message["blocks"])
    assert "Posted to " in (await admin.get(f"/runs/{row['id']}")).text

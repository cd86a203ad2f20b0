"""Questions that cannot be asked, by the API and the page: each is told what is wrong with it, and nobody is charged for it."""

from __future__ import annotations

import asyncio
import html
from datetime import UTC, datetime, timedelta

from analysis.domain.request import RunId
from callmine.plans.v1.plans_pb2 import PlanChanged
from integration.analysis.site import browser, program, site
from integration.analysis.world import ACME, World

ASKED = {"brief": "What do buyers say of price?", "max_calls": 1}

LONG = "ü€漢😀"
SCRIPTS = (
    "購入者は価格について何と言っていますか",
    "ماذا يقول المشترون عن السعر؟",
    "खरीदार कीमत के बारे में क्या कहते हैं?",
    "Что говорят\r\n<b>Ж</b> & co?",
    (LONG * 2_500)[:10_000],
)


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


WRONG: tuple[tuple[dict[str, object], str], ...] = (
    ({"brief": ""}, "the brief is empty"),
    ({"brief": "\u200b\u2060 \u00a0"}, "the brief is empty"),
    ({"brief": "x" * 10_001}, "10,001 characters; 10,000 are allowed"),
    ({"from": day(-1), "to": day(-3)}, "reversed"),
    ({"to": day(2)}, "in the future"),
    ({"from": day(3), "to": day(3)}, "in the future"),
    ({"to": "9999-12-31"}, "in the future"),
    ({"to": "0001-01-01"}, "before 1990"),
    ({"from": "0001-01-01", "to": "0001-01-02"}, "before 1990"),
    ({"from": "2001-01-01"}, "longer than three years"),
    ({"model": "openai/large"}, "does not include the model"),
    ({"max_calls": 0}, "max_calls must be from 1"),
    ({"max_calls": 10**30}, "max_calls must be from 1"),
    ({"amount_min": 9, "amount_max": 3}, "amount range is reversed"),
    ({"stages": ["x"] * 51}, "at most 50 values of deal stage"),
)


async def test_the_api_and_the_page_say_what_is_wrong_and_nothing_is_charged(world: World) -> None:
    async with program(site(world), ACME) as client, browser(site(world), ACME) as maya:
        for changes, words in WRONG:
            for path in ("/api/v1/runs", "/api/v1/previews"):
                answer = await client.post(path, json=ASKED | changes)
                assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), (
                    changes
                )
                assert words in answer.json()["detail"], changes
            sent = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in changes.items()}
            page = await maya.post("/runs", data={**ASKED, **sent, "cap": "true"})
            assert (page.status_code, words in html.unescape(page.text)) == (400, True), changes
        for body in (b'{"brief": "\\ud800", "max_calls": 1}', b'{"brief": "x", "amount_min": 1e999}', b"[]"):
            answer = await client.post("/api/v1/runs", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400, body
    assert await world.rows("SELECT 1 FROM runs UNION ALL SELECT 1 FROM usage UNION ALL SELECT 1 FROM previews") == []


async def test_briefs_in_any_script_are_kept_as_they_are(world: World) -> None:
    """Also the longest that is allowed, of characters of one to four bytes."""
    async with program(site(world), ACME) as client, browser(site(world), ACME) as maya:
        for brief in SCRIPTS:
            made = await client.post("/api/v1/runs", json=ASKED | {"brief": brief})
            assert made.status_code == 202, made.text
            told = (await client.get(made.headers["location"])).json()["question"]["brief"]
            assert told == brief.replace("\r\n", "\n")
            page = await maya.get(made.headers["location"].removeprefix("/api/v1"))
            assert (page.status_code, "<b>Ж" in page.text) == (200, False)
            assert told.splitlines()[0][:60] in html.unescape(page.text)


async def test_many_runs_at_once_use_what_is_left_and_not_a_call_more(world: World) -> None:
    """Each would use one call and three are left: those that wait for their turn promise nothing, and end unpaid and unfetched."""
    plan = PlanChanged(plan="free", report_window_days=30, monthly_calls=3, concurrent_runs=2, models=["openai/small"])
    await world.deliver(world.event(plan, ACME), topic="plans")
    async with program(site(world), ACME) as client:
        answers = await asyncio.gather(*(client.post("/api/v1/runs", json=ASKED) for _ in range(7)))
        assert {one.status_code for one in answers} == {202}
        while running := await world.rows("SELECT id FROM runs WHERE state = 'running'"):
            for row in running:
                await world.deliver(await world.fetched(RunId(row["id"]), "call1"))
                await world.deliver(world.completed(RunId(row["id"]), 1))
            await world.work()
        refused = await client.post("/api/v1/runs", json=ASKED)
    assert (refused.status_code, refused.json()["reason"]) == (402, "monthly_quota_used")
    assert [row["paid_by"] for row in await world.rows("SELECT paid_by FROM usage")] == ["plan"] * 3
    ends = [(row["state"], row["calls_analysed"]) for row in await world.rows("SELECT * FROM runs")]
    assert (ends.count(("completed", 1)), ends.count(("failed", 0))) == (3, 4)
    unpaid = {row["reason"] for row in await world.rows("SELECT reason FROM runs WHERE state = 'failed'")}
    assert all("used up" in reason for reason in unpaid)

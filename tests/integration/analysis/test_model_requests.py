"""What was asked of models is stored with what came of it, and shown: to members in sum, to admins each request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from analysis.domain.request import RunId
from analysis.models.port import AccountRefused, BadAnswer, ModelError, Outcome, Prompt, ProviderTrouble, Refused
from analysis.store import model_requests
from callmine.workspaces.v1 import workspaces_pb2
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceUpdated
from core.ids import uuid7
from integration.analysis.site import browser, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, honest, question

Script = Callable[[Prompt], str]


async def run_of(world: World, calls: int = 2) -> RunId:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(*[await world.fetched(run_id, f"c{n}") for n in range(calls)], world.completed(run_id, calls))
    await world.work()
    return run_id


def once(error: ModelError, then: Script = honest, call: str = "c0") -> Script:
    """That error for the first question about one call."""
    errors = [error]

    def script(prompt: Prompt) -> str:
        if errors and prompt.task == "analyse-call" and f"Call {call}" in prompt.document:
            raise errors.pop()
        return then(prompt)

    return script


async def noted(world: World) -> list[tuple[str | None, str, str]]:
    rows = await world.rows("SELECT call_id, task, outcome FROM model_requests ORDER BY call_id NULLS LAST, id")
    return [(row["call_id"], row["task"], row["outcome"]) for row in rows]


async def test_each_request_is_stored_with_its_sizes_tokens_and_cost_and_nothing_of_what_was_said(world: World) -> None:
    await run_of(world)
    assert await noted(world) == [
        ("c0", "analyse-call", "answered"),
        ("c1", "analyse-call", "answered"),
        (None, "synthesise", "answered"),
    ]
    rows = await world.rows("SELECT * FROM model_requests WHERE call_id IS NOT NULL")
    prompts = {len(prompt.document.encode()) for prompt in world.model.asked if prompt.task == "analyse-call"}
    for row in rows:
        assert row["bytes_sent"] in prompts
        assert (row["provider"], row["model"], row["provider_model"]) == ("openai", "openai/small", "gpt-5-mini")
        assert row["data_classes"] == ["brief", "transcript", "speakers", "title", "deal"]
        assert (row["storage"], row["status"]) == ("off", 200)
        assert row["input_tokens"] > 0
        expected = (row["input_tokens"] * 250_000 + row["output_tokens"] * 2_000_000 + 500_000) // 1_000_000
        assert row["cost_micro_dollars"] == expected
    everything = str([tuple(row.values()) for row in await world.rows("SELECT * FROM model_requests")])
    assert not any(words in everything for words in ("price", "Maya", "Tomás", "Brightwater", "buyers"))
    assert [row["models"] for row in await world.rows("SELECT models FROM analyses")] == [["openai/small"]] * 2


async def test_what_joining_themes_asks_is_stored_once_whether_or_not_it_was_answered(world: World) -> None:
    away = [ProviderTrouble("busy", Outcome.BUSY)]

    def script(prompt: Prompt) -> str:
        if prompt.task == "merge-themes" and away:
            raise away.pop()
        said = honest(prompt)
        return said.replace("Price too high", "Cost") if "Call c0" in prompt.document else said

    world.model.script = script
    await run_of(world)
    rows = await world.rows("SELECT task, outcome, data_classes FROM model_requests WHERE call_id IS NULL ORDER BY id")
    kinds = ["brief", "findings"]
    assert [tuple(row.values()) for row in rows] == [
        ("merge-themes", "busy", kinds),
        ("merge-themes", "answered", kinds),
        ("synthesise", "answered", kinds),
    ]


@pytest.mark.parametrize(
    ("error", "outcomes"),
    [
        (ProviderTrouble("busy", Outcome.BUSY), ["busy", "answered"]),
        (BadAnswer("the model gave no answer"), ["unreadable", "answered"]),
        (Refused("the model refused to answer"), ["refused"]),
        (Refused("OpenAI's content filter stopped the answer", Outcome.FILTERED), ["filtered"]),
        (AccountRefused("OpenAI refuses our account", Outcome.ACCOUNT_EMPTY), ["account_empty"]),
    ],
)
async def test_what_came_to_nothing_is_stored_too(world: World, error: ModelError, outcomes: list[str]) -> None:
    world.model.script = once(error)
    await run_of(world)
    assert [outcome for call, _, outcome in await noted(world) if call == "c0"] == outcomes


async def test_an_answer_that_cannot_be_read_is_stored_with_what_it_cost(world: World) -> None:
    wrong = iter(["no JSON"])
    world.model.script = lambda prompt: next(wrong, honest(prompt))
    await run_of(world, calls=1)
    rows = await world.rows("SELECT outcome, cost_micro_dollars > 0 AS cost FROM model_requests ORDER BY id")
    assert [tuple(row) for row in rows] == [("unreadable", True), ("answered", True), ("answered", True)]


async def test_a_request_whose_result_came_too_late_is_stored(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(await world.fetched(run_id, "c0"), world.completed(run_id, 1))

    async def cancelled() -> None:
        await world.desk.cancel(ACME, run_id, MAYA)

    world.model.meanwhile = cancelled
    await world.work()
    assert await noted(world) == [("c0", "analyse-call", "answered")]
    assert await world.rows("SELECT 1 FROM usage") == []


async def test_the_role_that_serves_pages_cannot_read_what_models_cost(world: World) -> None:
    connection = await asyncpg.connect(world.app_url)
    try:
        await connection.execute("SELECT set_config('app.workspace_id', 'org_any', false)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT cost_micro_dollars FROM model_requests")
    finally:
        await connection.close()


async def test_costs_add_up_by_day_and_model_for_operators(world: World) -> None:
    run_id = await run_of(world)
    since = datetime.now(UTC) - timedelta(days=2)
    async with world.db.sweep() as tx:
        found = await model_requests.costs(tx, since, None, None)
        of_run = await model_requests.costs(tx, since, ACME, run_id)
        of_nobody = await model_requests.costs(tx, since, RIVAL, None)
    [sums] = await world.rows(
        "SELECT sum(cost_micro_dollars)::bigint AS cost, count(*) AS requests FROM model_requests"
    )
    assert sum(one.cost_micro_dollars for one in found) == sums["cost"] > 0
    assert sum(one.requests for one in found) == sums["requests"] == 3
    assert (of_run, of_nobody) == (found, [])


async def api(world: World, role: str, path: str) -> httpx.Response:
    async with browser(site(world), ACME, role) as client:
        return await client.get(path, headers={"accept": "application/json"})


async def test_admins_read_each_request_and_members_do_not(world: World) -> None:
    run_id = await run_of(world)
    path = f"/api/v1/runs/{run_id}/model-requests"
    assert (await api(world, "member", path)).status_code == 403
    assert (await api(world, "member", f"/runs/{run_id}/requests")).status_code == 403
    told = (await api(world, "admin", path)).json()
    assert told["next"] is None
    assert [one["task"] for one in told["requests"]] == ["analyse-call", "analyse-call", "synthesise"]
    assert not any("cost" in name for one in told["requests"] for name in one)
    after = told["requests"][0]["id"]
    assert (await api(world, "admin", f"{path}?after={after}")).json()["requests"] == told["requests"][1:]
    assert (await api(world, "admin", f"/api/v1/runs/{uuid7()}/model-requests")).status_code == 404
    assert (await api(world, "admin", f"{path}?after=nothing")).status_code == 404
    async with browser(site(world), RIVAL, "admin") as rival:
        assert (await rival.get(path)).status_code == 404


async def test_the_pages_say_what_was_sent_and_who_answered(world: World) -> None:
    world.model.script = once(
        ProviderTrouble("OpenAI is busy (429)", Outcome.BUSY), once(Refused("the model refused"), call="c1")
    )
    run_id = await run_of(world)
    async with browser(site(world), ACME, "admin") as admin:
        page = (await admin.get(f"/runs/{run_id}")).text
        sent = (await admin.get(f"/runs/{run_id}/requests")).text
    async with browser(site(world), ACME) as member:
        seen = (await member.get(f"/runs/{run_id}")).text
    for text in (page, seen):
        assert "Who has answered" in text
        assert "Provider busy (429): 1 request to OpenAI, small" in text
        assert "Refused by the model: 1 request to OpenAI, small" in text
        assert "could not be analysed" in text
        assert "the model refused" in text
        assert "analysed in the end" in text
    assert f'href="/runs/{run_id}/requests"' in page
    assert f'href="/runs/{run_id}/requests"' not in seen
    assert "brief, transcript, speakers, title, deal" in sent
    assert "switched off" in sent
    assert "Call c1" in sent


async def allow_fallback(world: World) -> None:
    chosen = workspaces_pb2.Preferences(mask_personal_data=True, other_provider_fallback=True)
    told = world.event(WorkspaceUpdated(name="Acme", timezone="UTC", preferences=chosen), ACME)
    await world.deliver(told, topic="workspaces")


@pytest.mark.parametrize("allowed", [False, True])
async def test_the_other_provider_answers_only_where_the_workspace_allows_it(world: World, allowed: bool) -> None:
    if allowed:
        await allow_fallback(world)
    away = ProviderTrouble("OpenAI is overloaded (529)", Outcome.OVERLOADED)
    world.model.script = lambda prompt: (_ for _ in ()).throw(away)
    world.others["anthropic/small"].script = honest
    run_id = await run_of(world, calls=6)
    run = await world.desk.run(ACME, run_id)
    if not allowed:
        assert run.calls_analysed == 0
        assert world.others["anthropic/small"].asked == []
        return
    assert run.calls_analysed == 6
    assert run.report_id is not None
    report = await world.report(ACME, run.report_id)
    assert report["models"] == {"anthropic/small": 6}
    assert len(world.model.asked) <= 7, "it was left alone once it counted as away"
    async with browser(site(world), ACME) as maya:
        page = (await maya.get(f"/runs/{run_id}")).text
        shown = (await maya.get(f"/reports/{run.report_id}")).text
    assert "stood in while the chosen model" in page
    assert "6 calls answered by Anthropic, small, which stood in" in shown

"""Gong and the models at their worst, wrong keys, and questions that nothing matches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from e2e.commands import put_on_plan
from e2e.conftest import Finished
from e2e.consents import connect_by_oauth
from e2e.runs import calls_used, database, end_of, page, start, until
from e2e.sandbox import Sandbox
from local.journey import Json, Person, admin_of
from local.journey import until as until_answered
from local.sandbox.corpus.calls import RecordedCall
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack.keys import WORKSPACES

WORKSPACE = "harborline"
NEWEST = 3


@pytest.fixture(scope="module")
async def sandbox(finished: Finished) -> AsyncIterator[Sandbox]:
    """A workspace with room for many runs, and a world that behaves, before and after."""
    await put_on_plan(finished.stack, WORKSPACE, "scale")
    person = admin_of(finished.stack, WORKSPACE)
    await until_answered(
        lambda: person.call("POST", "/api/v1/runs", json={"brief": "x", "model": "openai/large", "max_calls": 0}),
        lambda answer: "max_calls" in answer.text,  # the model is accepted: the larger plan has arrived
        "the larger plan does not arrive",
    )
    outside = Sandbox(finished.stack)
    async with outside.misbehaving():
        yield outside


@pytest.fixture
def person(sandbox: Sandbox) -> Person:
    """The admin of that workspace."""
    return admin_of(sandbox.stack, WORKSPACE)


def newest_call() -> RecordedCall:
    """The newest call of the workspace that customers are on: every small run asks the model about it."""
    library = load_library(SHIPPED_CALLS, None, WORKSPACES, datetime.now(UTC).date())
    return max(library.of(WORKSPACE), key=lambda call: call.started_at)


def words_of(call: RecordedCall) -> str:
    """Words that are said on this call only, and look the same inside JSON."""
    plain = [s.text for s in call.sentences if s.text.isascii() and '"' not in s.text and "\\" not in s.text]
    return max(plain, key=len)[:120]


# What may go better is asked again: twice where nothing can be read, once with more room where the answer was cut short.
@pytest.mark.parametrize(("answer", "questions"), [("not_json", 3), ("refusal", 1), ("cut_short", 2)])
async def test_a_call_the_model_cannot_answer_fails_alone(
    sandbox: Sandbox, person: Person, answer: str, questions: int
) -> None:
    call = newest_call()
    used = await calls_used(sandbox.stack)
    async with sandbox.misbehaving({"provider": "openai", "contains": words_of(call), "answer": answer}):
        ended = await end_of(person, await start(person, WORKSPACE))
        assert await sandbox.struck() == [questions]
    assert (ended["state"], ended["calls_analysed"], ended["calls_failed"]) == ("completed", NEWEST - 1, 1)
    report = await person.json("GET", f"/api/v1/reports/{ended['report_id']}")
    (failed,) = report["failed_calls"]
    assert failed["call_id"] == call.call_id
    assert failed["reason"]
    assert report["numbers"]["quotes_verified"] == report["numbers"]["quotes"] > 0
    shown = await page(person, f"/reports/{ended['report_id']}")
    assert "1 call could not be analysed" in shown
    assert call.title in shown
    assert "1 call could not be analysed" in await page(person, f"/runs/{ended['run_id']}")
    assert await calls_used(sandbox.stack) == used + NEWEST - 1


async def test_a_bad_answer_is_asked_for_again(sandbox: Sandbox, person: Person) -> None:
    fault = {"provider": "openai", "contains": words_of(newest_call()), "answer": "not_json", "count": 2}
    async with sandbox.misbehaving(fault):
        ended = await end_of(person, await start(person, WORKSPACE))
        assert await sandbox.struck() == [2]
    assert (ended["state"], ended["calls_failed"]) == ("completed", 0)


async def test_quotes_that_nobody_said_are_dropped_and_counted(sandbox: Sandbox, person: Person) -> None:
    async with sandbox.misbehaving({"provider": "openai", "answer": "wrong_quotes"}):
        ended = await end_of(person, await start(person, WORKSPACE))
    report = await person.json("GET", f"/api/v1/reports/{ended['report_id']}")
    assert report["numbers"]["quotes_dropped"] > 0
    assert report["numbers"]["quotes_verified"] == report["numbers"]["quotes"]


async def test_a_run_waits_for_a_model_that_is_down(sandbox: Sandbox, person: Person) -> None:
    async with sandbox.misbehaving({"provider": "openai", "status": 503}):
        run = await start(person, WORKSPACE)
        now = await until(person, run, lambda now: now["calls_fetched"] == NEWEST)
        while sum(await sandbox.struck()) < 2 * NEWEST:
            now = await until(person, run, lambda _: True)
            assert now["state"] == "running"
        assert now["calls_failed"] == 0
    ended = await end_of(person, run)
    assert (ended["state"], ended["calls_analysed"], ended["calls_failed"]) == ("completed", NEWEST, 0)


async def test_gong_that_asks_to_wait_and_stumbles_is_waited_for(sandbox: Sandbox, person: Person) -> None:
    faults: list[Json] = [
        {"provider": "gong", "status": 429, "retry_after": 2, "count": 2},
        {"provider": "gong", "path": "/v2/calls/transcript", "status": 503, "count": 3},
        {"provider": "gong", "path": "/v2/calls/transcript", "malformed": True, "count": 1},
    ]
    # What is held from an earlier run would not be asked for.
    await database(sandbox.stack, "ingest", "DELETE FROM held_calls")
    async with sandbox.misbehaving(*faults):
        ended = await end_of(person, await start(person, WORKSPACE))
        assert await sandbox.struck() == [2, 3, 1]
    assert (ended["state"], ended["calls_analysed"], ended["calls_failed"]) == ("completed", NEWEST, 0)


async def test_a_wrong_gong_key_leaves_the_earlier_one_in_place(sandbox: Sandbox, person: Person) -> None:
    before = await database(sandbox.stack, "credential-vault", "SELECT * FROM credentials ORDER BY 1, 2, 3")
    key = sandbox.stack.site.keys.gong[WORKSPACE]
    wrong = {"access_key": key["access_key"], "secret": key["secret"][:-1] + "!"}
    answer = await person.call("POST", "/api/v1/integrations/gong", json=wrong)
    assert answer.status_code == 400
    assert "Gong did not accept this key" in answer.json()["detail"]
    assert "Nothing was stored" in answer.json()["detail"]
    assert wrong["secret"] not in answer.text
    listed = (await person.call("GET", "/api/v1/integrations")).json()
    assert [each["status"] for each in listed if each["provider"] == "gong"] == ["connected"]
    after = await database(sandbox.stack, "credential-vault", "SELECT * FROM credentials ORDER BY 1, 2, 3")
    assert after == before
    assert (await end_of(person, await start(person, WORKSPACE)))["state"] == "completed"


async def test_a_key_that_was_deleted_at_gong_is_noticed_by_the_run_that_needs_it(
    sandbox: Sandbox, person: Person
) -> None:
    """ingest is refused twice and fails the run; the vault, told of it, asks Gong itself, twice, and has the admin reconnect.

    Who connected Slack is told there, once.
    """
    await connect_by_oauth(person, "slack", WORKSPACE)
    await sandbox.clear_slack()
    async with sandbox.misbehaving({"provider": "gong", "status": 401}):
        ended = await end_of(person, await start(person, WORKSPACE))
        assert ended["state"] == "failed"
        assert "Reconnect Gong in Settings > Integrations" in ended["reason"]
        [seen] = await _until_refused(sandbox)
        assert seen["state"] == "connected"
        await database(
            sandbox.stack,
            "credential-vault",
            "UPDATE credentials SET check_at = now(), refused_at = refused_at - interval '5 minutes' WHERE refused_at IS NOT NULL",
        )
        await until_answered(
            lambda: person.call("GET", "/api/v1/integrations"),
            lambda answer: (
                [each["status"] for each in answer.json() if each["provider"] == "gong"] == ["needs_reconnect"]
            ),
            "the vault does not notice",
        )
        assert "no longer accepts the credential" in await page(person, "/settings/integrations")
        [notice] = await _until_told(sandbox)
        assert notice["direct"]
        assert notice["text"].startswith("Gong needs reconnecting in Callmine's workspace ")
        assert notice["text"].endswith(f" {sandbox.stack.url}/settings/integrations")
        denied = await end_of(person, await start(person, WORKSPACE))
    assert denied["state"] == "failed"
    assert denied["reason"].startswith("Gong no longer accepts the stored credential. Reconnect Gong")
    answer = await person.call("POST", "/api/v1/integrations/gong", json=sandbox.stack.site.keys.gong[WORKSPACE])
    assert answer.status_code == 201
    assert (await end_of(person, await start(person, WORKSPACE)))["state"] == "completed"
    assert len(await sandbox.slack_messages()) == 1
    assert "by analysis for a notice" in await page(person, "/settings/integrations")
    ends = await database(sandbox.stack, "analysis", "SELECT provider, state FROM notices")
    assert [tuple(end) for end in ends] == [("gong", "sent")]


async def _until_told(sandbox: Sandbox) -> list[Json]:
    """What was posted to Slack, once anything was."""
    async with asyncio.timeout(60):
        while True:
            if found := await sandbox.slack_messages():
                return found
            await asyncio.sleep(0.1)


async def _until_refused(sandbox: Sandbox) -> list[asyncpg.Record]:
    """The credential once Gong has refused it to the vault."""
    async with asyncio.timeout(60):
        while True:
            rows = await database(
                sandbox.stack, "credential-vault", "SELECT state FROM credentials WHERE refused_at IS NOT NULL"
            )
            if rows:
                return rows
            await asyncio.sleep(0.1)


async def test_no_matching_calls_cost_nothing(sandbox: Sandbox, person: Person) -> None:
    used = await calls_used(sandbox.stack)
    await sandbox.clear_journal()
    long_ago = datetime.now(UTC).date() - timedelta(days=700)
    days = {"from": long_ago.isoformat(), "to": (long_ago + timedelta(days=3)).isoformat()}
    ended = await end_of(person, await start(person, WORKSPACE, **days))
    assert (ended["state"], ended["report_id"]) == ("no_match", None)
    assert "no calls match" in ended["reason"]
    assert await sandbox.model_requests() == []
    assert await calls_used(sandbox.stack) == used
    shown = await page(person, f"/runs/{ended['run_id']}")
    assert "Nothing has been used" in shown


async def test_a_run_is_cancelled_once(sandbox: Sandbox, person: Person) -> None:
    async with sandbox.misbehaving({"provider": "openai", "delay": 1.0}):
        run = await start(person, WORKSPACE)
        await until(person, run, lambda now: now["calls_fetched"] == NEWEST)
        cancelled = await person.json("POST", f"/api/v1/runs/{run['run_id']}/cancel")
        assert cancelled["state"] == "cancelled"
        assert (await person.call("POST", f"/api/v1/runs/{run['run_id']}/cancel")).status_code == 409
    assert "The run was cancelled" in await page(person, f"/runs/{run['run_id']}")
    assert (await end_of(person, await start(person, WORKSPACE)))["state"] == "completed"
    assert (await person.json("GET", f"/api/v1/runs/{run['run_id']}"))["state"] == "cancelled"

"""Messages that are wrong: set aside with the reason, and nothing else is affected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from callmine.calls.v1.calls_pb2 import PreviewReady
from contracts import Event, attributes_of, pack
from core.ids import uuid7
from e2e.commands import command, put_on_plan
from e2e.conftest import Finished
from e2e.poison import KINDS, OURS, poison
from e2e.runs import database, end_of, start
from e2e.settled import settled
from e2e.snapshot import differences, snapshot
from e2e.taps import Recorded
from local.journey import Json, admin_of
from local.stack import Stack

# A topic for each service, and who listens to it; the vault and retention are pushed to, the others pull.
HEARD_BY = {
    "calls": {"analysis"},
    "fetches": {"ingest"},
    "credential-requests-ingest": {"credential-vault"},
    "audit": {"audit"},
    "workspaces": {"analysis", "audit", "credential-vault", "retention"},
}


@pytest.fixture(scope="module")
async def clean(finished: Finished) -> AsyncIterator[Finished]:
    """Nothing is parked before, nor after."""
    assert await _parked(finished.stack) == 0
    yield finished
    for service in finished.stack.dsns:
        await database(finished.stack, service, "DELETE FROM parked")


async def test_poison_is_parked_with_its_reason_and_changes_nothing_else(clean: Finished) -> None:
    stack = clean.stack
    await settled(stack)
    before = await snapshot(stack)
    for topic in HEARD_BY:
        for kind in KINDS:
            await clean.taps.publish(poison(topic, kind))
    await _until_parked(stack, len(KINDS) * sum(len(services) for services in HEARD_BY.values()))
    assert set(differences(before, await snapshot(stack))) == {f"{service}.parked" for service in stack.dsns}
    for service, listed in zip(stack.dsns, await asyncio.gather(*(_list(stack, s) for s in stack.dsns)), strict=True):
        topics = {topic for topic, services in HEARD_BY.items() if service in services}
        assert len(listed) == len(topics) * len(KINDS), service
        reasons = " | ".join(sorted(message["reason"] for message in listed))
        assert all(reasons.count(word) >= len(topics) for word in KINDS.values()), reasons
        assert {message["source"].removeprefix(f"{service}.") for message in listed} == topics


async def test_a_run_completes_while_poison_comes_in(clean: Finished) -> None:
    await put_on_plan(clean.stack, "harborline", "scale")
    person = admin_of(clean.stack, "harborline")
    before = await _parked(clean.stack)
    run = await start(person, "harborline")
    for kind in KINDS:
        await clean.taps.publish(poison("calls", kind))
    ended = await end_of(person, run)
    assert (ended["state"], ended["calls_analysed"], ended["calls_failed"]) == ("completed", 3, 0)
    await _until_parked(clean.stack, before + len(KINDS))


async def test_a_message_is_replayed_once_its_cause_is_gone_and_another_dropped(clean: Finished) -> None:
    stack, awaited, unwanted = clean.stack, str(uuid7()), str(uuid7())
    for preview in (awaited, unwanted):
        await clean.taps.publish(_preview_ready(preview))
        await _until_parked_for(stack, preview)
    last, first = [each for each in await _list(stack, "analysis") if "nobody asked" in each["reason"]]
    refused, dropped = await asyncio.gather(
        command(stack, "analysis", "parked", "replay", str(first["id"])),
        command(stack, "analysis", "parked", "drop", "--yes", str(last["id"])),
    )
    assert (refused.status, dropped.status) == (1, 0), dropped.errors
    assert "nobody asked" in refused.errors

    await database(
        stack,
        "analysis",
        "INSERT INTO previews (workspace_id, id, request) "
        "SELECT workspace_id, $1::uuid, request FROM previews WHERE workspace_id = $2 LIMIT 1",
        awaited,
        OURS,
    )
    replayed, too_late = await asyncio.gather(
        command(stack, "analysis", "parked", "replay", str(first["id"])),
        command(stack, "analysis", "parked", "replay", str(last["id"])),
    )
    assert (replayed.status, too_late.status) == (0, 1), replayed.errors
    assert "dropped already" in too_late.errors
    (row,) = await database(stack, "analysis", "SELECT matching_calls FROM previews WHERE id = $1::uuid", awaited)
    assert row["matching_calls"] == 7
    states = await database(stack, "analysis", "SELECT state FROM parked WHERE id >= $1 ORDER BY id", first["id"])
    assert [each["state"] for each in states] == ["replayed", "dropped"]


def _preview_ready(preview: str) -> Recorded:
    payload = PreviewReady(preview_id=preview, matching_calls=7, total_seconds=70)
    event = Event(workspace_id=OURS, payload=payload, producer="ingest", aggregate_id=preview, sequence=1)
    return Recorded("calls", pack(event), attributes_of(event), preview)


async def _list(stack: Stack, service: str) -> list[Json]:
    done = await command(stack, service, "parked", "list", "--json")
    assert done.status == 0, done.errors
    found: list[Json] = json.loads(done.output)
    return found


async def _until_parked_for(stack: Stack, key: str) -> None:
    """Return when the message with this ordering key is parked in analysis."""
    for _ in range(200):
        if await database(stack, "analysis", "SELECT 1 FROM parked WHERE ordering_key = $1", key):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the message is not parked")


async def _until_parked(stack: Stack, count: int) -> None:
    for _ in range(300):
        if await _parked(stack) >= count:
            break
        await asyncio.sleep(0.1)
    assert await _parked(stack) == count


async def _parked(stack: Stack) -> int:
    statement = "SELECT count(*) AS n FROM parked WHERE state = 'parked'"
    return sum([int((await database(stack, service, statement))[0]["n"]) for service in stack.dsns])

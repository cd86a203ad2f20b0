"""Calls that are held already are not fetched again; those that have changed are."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from callmine.calls.v1.calls_pb2 import CallFetched
from integration.ingest.harness import QUILL, fetch_requested, new_id
from integration.ingest.test_worker import arm
from integration.ingest.workshop import Workshop
from local.sandbox.server import RunningSandbox

# What a run of Harborline asks for in batches of two when nothing is held.
TRANSCRIPT_REQUESTS = 2


async def asked_for(workshop: Workshop, sandbox: RunningSandbox) -> int:
    """Fetch once more; how many requests for transcripts that took."""
    sandbox.sandbox.switchboard.disarm()
    arm(sandbox, path="/v2/calls/transcript", delay=0.001)
    run = await workshop.start()
    await workshop.finish()
    done = await workshop.completed(run)
    assert done.calls_fetched == 4
    assert [sequence for sequence, _ in await workshop.announced(run)] == [1, 2, 3, 4, 5]
    [counted] = sandbox.sandbox.switchboard.report()
    return int(str(counted["struck"]))


async def objects(workshop: Workshop) -> list[tuple[str, str, str, int]]:
    """What was announced of each call."""
    return [
        (e.payload.call_id, e.payload.object_name, e.payload.sha256, e.payload.duration_seconds)
        for e in await workshop.ingest.told(CallFetched)
        if isinstance(e.payload, CallFetched)
    ]


async def test_a_call_that_is_held_is_announced_without_a_request(workshop: Workshop, sandbox: RunningSandbox) -> None:
    assert await asked_for(workshop, sandbox) == TRANSCRIPT_REQUESTS
    assert await asked_for(workshop, sandbox) == 0
    told = await objects(workshop)
    assert told[:4] == told[4:]
    assert {name for _, name, _, _ in told} == set(workshop.objects.held)


@pytest.mark.parametrize(
    "change",
    [
        "checksum = repeat('0', 64)",
        "fetched_at = fetched_at - interval '31 days'",
    ],
)
async def test_a_call_that_has_changed_or_was_read_long_ago_is_fetched_anew(
    workshop: Workshop, sandbox: RunningSandbox, change: str
) -> None:
    assert await asked_for(workshop, sandbox) == TRANSCRIPT_REQUESTS
    await workshop.ingest.sql(f"UPDATE held_calls SET {change} WHERE call_id = (SELECT min(call_id) FROM held_calls)")
    assert await asked_for(workshop, sandbox) == 1
    assert await asked_for(workshop, sandbox) == 0


async def test_a_transcript_that_was_read_soon_after_the_call_may_have_been_corrected_since(
    workshop: Workshop, sandbox: RunningSandbox
) -> None:
    assert await asked_for(workshop, sandbox) == TRANSCRIPT_REQUESTS
    for hours, requests in (("25 h", 0), ("23 h", TRANSCRIPT_REQUESTS)):
        await workshop.ingest.sql(
            f"UPDATE held_calls h SET fetched_at = r.ended_at + interval '{hours}' FROM run_calls r "
            "WHERE h.workspace_id = r.workspace_id AND h.call_id = r.call_id"
        )
        assert await asked_for(workshop, sandbox) == requests


async def test_what_one_workspace_holds_is_nothing_to_another(workshop: Workshop, sandbox: RunningSandbox) -> None:
    """Even where both have connected the same Gong."""
    assert await asked_for(workshop, sandbox) == TRANSCRIPT_REQUESTS
    arm(sandbox, path="/v2/calls/transcript", delay=0.001)
    run = new_id()
    event = fetch_requested(run)
    await workshop.ingest.hear(replace(event, workspace_id=QUILL))
    await workshop.grant(run)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4
    names = {name for _, name, _, _ in await objects(workshop)}
    assert sum(name.startswith(f"workspaces/{QUILL}/") for name in names) == 4

"""What leaves for a model is what the workspace's admins have chosen: checked by who receives it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from e2e.conftest import Finished
from e2e.runs import database, end_of, start
from e2e.sandbox import Sandbox
from local.journey import Json, Person, admin_of
from local.stack import Stack

WORKSPACE = "harborline"

# Spoken in the newest call of the corpus.
ADDRESS, NUMBER = "l.tidwell@castellanmed.example", "415-555-0132"
BRIEF = f"On which direct line, and where do the redlines go? Not to {ADDRESS}?"

HEARD = "SELECT 1 FROM preferences WHERE workspace_id = $1 AND mask_personal_data = $2"


async def choose(person: Person, *, masks: bool) -> None:
    """Set the switch, as an admin."""
    known = await person.json("GET", "/api/v1/workspace")
    chosen = known["preferences"] | {"mask_personal_data": masks}
    change = {"timezone": known["timezone"], "preferences": chosen, "version": known["version"]}
    await person.json("PUT", "/api/v1/workspace/settings", json=change)
    deadline = time.monotonic() + 60
    while not await database(person.stack, "analysis", HEARD, known["id"], masks):
        assert time.monotonic() < deadline, "analysis does not hear of it"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def unmasked(person: Person) -> AsyncIterator[None]:
    """Within the block, transcripts go as they are."""
    await choose(person, masks=False)
    yield
    await choose(person, masks=True)


async def asked(stack: Stack, person: Person) -> tuple[list[Json], Json]:
    """What the sandbox's model was asked for a run over the newest call, and the report."""
    outside = Sandbox(stack)
    await outside.clear_journal()
    await outside.watch(ADDRESS, NUMBER)
    run = await end_of(person, await start(person, WORKSPACE, brief=BRIEF, max_calls=1))
    assert run["state"] == "completed", run
    return await outside.model_requests(), await person.json("GET", f"/api/v1/reports/{run['report_id']}")


def quotes_of(report: Json) -> list[str]:
    return [q["text"] for theme in report["themes"] for finding in theme["findings"] for q in finding["quotes"]]


async def test_no_address_and_no_number_reaches_the_model_unless_the_workspace_says_so(finished: Finished) -> None:
    stack = finished.stack
    person = admin_of(stack, WORKSPACE)
    requests, report = await asked(stack, person)
    # Whether there are themes to be joined depends on the one call that is taken.
    assert {request["task"] for request in requests} - {"merge-themes"} == {"analyse-call", "synthesise"}
    assert [request["watched"] for request in requests] == [[]] * len(requests)
    assert any(ADDRESS in quote and NUMBER in quote for quote in quotes_of(report)), quotes_of(report)
    assert report["numbers"]["quotes_dropped"] == 0
    async with unmasked(person):
        requests, plain = await asked(stack, person)
    assert [ADDRESS, NUMBER] in [request["watched"] for request in requests]
    assert any(ADDRESS in quote and NUMBER in quote for quote in quotes_of(plain)), quotes_of(plain)

"""Who opens the form and then asks for a preview is answered from the list that was read in the meantime."""

from __future__ import annotations

import asyncio
import time

from e2e.conftest import Finished
from e2e.runs import database, page
from local.journey import admin_of, asked, previewed

WORKSPACE = "harborline"

# What each request to Gong changes: its place in the workspace's budget.
BUDGETS = "SELECT provider_budgets::text AS row FROM provider_budgets WHERE workspace_id = $1 AND provider = 'gong'"
LISTED = "SELECT 1 FROM listings WHERE workspace_id = $1"


async def test_no_request_to_gong_after_the_form_was_opened(finished: Finished) -> None:
    stack = finished.stack
    person = admin_of(stack, WORKSPACE)
    workspace = (await person.json("GET", "/api/v1/workspace"))["id"]
    await database(stack, "analysis", "DELETE FROM prepared_lists WHERE workspace_id = $1", workspace)
    await database(stack, "ingest", "DELETE FROM listings WHERE workspace_id = $1", workspace)
    before = await database(stack, "ingest", BUDGETS, workspace)
    assert "New analysis" in await page(person, "/new")
    deadline = time.monotonic() + 60
    while not await database(stack, "ingest", LISTED, workspace):
        assert time.monotonic() < deadline, "no list is read ahead"
        await asyncio.sleep(0.1)
    listed = await database(stack, "ingest", BUDGETS, workspace)
    assert before
    assert listed != before, "what counts the requests does count"
    preview = await previewed(person, await asked(person, WORKSPACE))
    assert preview["matching_calls"] > 0
    assert await database(stack, "ingest", BUDGETS, workspace) == listed

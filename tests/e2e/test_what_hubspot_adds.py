"""HubSpot connected by consent: runs read the deals that Gong lacks there, and go on without them when HubSpot fails."""

from __future__ import annotations

import asyncio
import time

from e2e.commands import put_on_plan
from e2e.conftest import Finished
from e2e.consents import connect_by_oauth
from e2e.runs import database, end_of, page, start
from e2e.sandbox import Sandbox
from local.journey import Json, admin_of
from local.stack import Stack

WORKSPACE = "harborline"
CONNECTED = "SELECT 1 FROM integrations WHERE provider = 'hubspot' AND state = 'connected'"


async def heard_by_ingest(stack: Stack) -> None:
    """Return once ingest has heard that HubSpot is connected. Raises AssertionError."""
    deadline = time.monotonic() + 90.0
    while not await database(stack, "ingest", CONNECTED):
        assert time.monotonic() < deadline, "ingest does not hear that HubSpot is connected"
        await asyncio.sleep(0.1)


async def test_a_run_reads_deals_from_hubspot_and_does_without(finished: Finished) -> None:
    stack = finished.stack
    person, outside = admin_of(stack, WORKSPACE), Sandbox(stack)
    await put_on_plan(stack, WORKSPACE, "scale")
    before = await end_of(person, await start(person, WORKSPACE, max_calls=30))
    await connect_by_oauth(person, "hubspot", WORKSPACE)
    await heard_by_ingest(stack)
    connected = await end_of(person, await start(person, WORKSPACE, max_calls=30))
    async with outside.misbehaving({"provider": "hubspot", "path": "/crm", "status": 403}):
        refused = await end_of(person, await start(person, WORKSPACE, max_calls=30))
    runs = [before, connected, refused]
    assert [run["state"] for run in runs] == ["completed"] * 3
    assert [len(run["remarks"]) for run in runs[:2]] == [0, 0], runs[1]["remarks"]
    assert refused["remarks"]
    reports: list[Json] = [await person.json("GET", f"/api/v1/reports/{run['report_id']}") for run in runs]
    told = [report["deal_context"].get("hubspot", 0) for report in reports]
    assert (told[0], told[2]) == (0, 0)
    assert told[1] > 0
    assert "HubSpot could not be asked: HubSpot answered 403" in await page(person, f"/runs/{refused['run_id']}")

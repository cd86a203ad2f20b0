"""Operators see that runs are there and how far they are, and nothing of what was asked."""

from __future__ import annotations

import json

from analysis import cli
from analysis.store import runs
from integration.analysis.site import program, site
from integration.analysis.world import ACME, World


async def test_runs_are_listed_without_what_was_asked(world: World) -> None:
    async with program(site(world), ACME) as client:
        asked = {"brief": "What of the Canary deal?", "max_calls": 3, "owners": ["Maya Canary"]}
        started = (await client.post("/api/v1/runs", json=asked)).json()
    async with world.db.workspace(ACME) as tx:
        lines = await runs.runs_states(tx, 10)
    listed = [cli._line(one) for one in lines]
    assert [one["run"] for one in listed] == [started["run_id"]]
    assert list(listed[0]) == ["run", "state", "analysed", "failed", "of", "created"]
    assert "Canary" not in json.dumps(listed) + repr(lines)

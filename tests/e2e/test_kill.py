"""kill -9 of any one service in the middle of a run: the run completes, no call twice, none lost."""

from __future__ import annotations

import asyncio
import sys

import pytest

from contracts.registry import SERVICES
from e2e.conftest import Finished
from local.journey import Json, Person, admin_of, asked

WORKSPACE = "harborline"


@pytest.fixture(scope="module")
async def generous(finished: Finished) -> Finished:
    """Both workspaces on a plan that allows many runs, and a model that takes its time, so that there is a middle to kill in."""
    environment = finished.stack.service_environment("retention")
    command = [sys.executable, "-m", "retention", "plan", f"org_{WORKSPACE}01", "scale"]
    child = await asyncio.create_subprocess_exec(*command, env=environment, cwd=finished.stack.site.root)
    assert await child.wait() == 0
    await _fault(finished, {"provider": "openai", "delay": 0.25})
    return finished


@pytest.mark.parametrize("service", SERVICES)
async def test_the_run_survives(generous: Finished, service: str) -> None:
    stack = generous.stack
    person = admin_of(stack, WORKSPACE)
    run = await _start(person)
    await _reach(person, run, at_least=3 if service != "ingest" else 0)
    await stack.processes[service].kill()
    await stack.restart(service)
    run = await _end(person, run)
    assert run["state"] == "completed", run
    report = await person.json("GET", f"/api/v1/reports/{run['report_id']}")
    calls = [call["call_id"] for call in report["calls"]]
    assert len(calls) == len(set(calls)) == generous.outcomes[0].numbers["calls_analysed"]
    assert report["numbers"]["calls_failed"] == 0


async def _start(person: Person) -> Json:
    question = await asked(person, WORKSPACE)
    said = ""
    for _ in range(100):
        answer = await person.call("POST", "/api/v1/runs", json=question)
        if answer.is_success:
            started: Json = answer.json()
            return started
        said = answer.text
        await asyncio.sleep(0.2)  # the larger plan is still on its way
    raise AssertionError(said)


async def _reach(person: Person, run: Json, at_least: int) -> None:
    """Wait until so many calls are analysed, but not all."""
    now: Json = {}
    for _ in range(1200):
        now = await person.json("GET", f"/api/v1/runs/{run['run_id']}")
        if now["state"] == "running" and now["calls_analysed"] >= at_least:
            return
        assert now["state"] in {"queued", "running"}, "the run was over before it could be disturbed"
        await asyncio.sleep(0.05)
    raise AssertionError(f"the run did not get that far: {now}")


async def _end(person: Person, run: Json) -> Json:
    now: Json = {}
    for _ in range(1200):
        now = await person.json("GET", f"/api/v1/runs/{run['run_id']}")
        if now["state"] not in {"queued", "running"}:
            return now
        await asyncio.sleep(0.1)
    raise AssertionError(f"the run does not end: {now}")


async def _fault(finished: Finished, fault: Json) -> None:
    answer = await finished.stack.client.post(
        f"{finished.stack.site.sandbox_url}/_faults",
        json=fault,
        headers={"authorization": f"Bearer {finished.stack.site.keys.admin_token}"},
    )
    assert answer.is_success, answer.text

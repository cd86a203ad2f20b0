"""The context of the work in hand: set for a block, inherited by tasks, never leaking to others; and the fault points."""

from __future__ import annotations

import asyncio

import pytest

from core import faultpoints
from core.clock import SystemClock
from core.context import Context, current, working_for


def test_nothing_is_known_at_first() -> None:
    assert current() == Context()


def test_parts_left_out_stay_as_they_are() -> None:
    with working_for("org_a", correlation_id="c1"):
        with working_for(traceparent="00-aa") as inner:
            assert inner == current() == Context("org_a", "c1", "00-aa")
        assert current() == Context("org_a", "c1")
    assert current() == Context()


def test_it_is_put_back_after_an_error() -> None:
    with pytest.raises(RuntimeError), working_for("org_a"):
        raise RuntimeError
    assert current().workspace_id == ""


async def test_tasks_side_by_side_do_not_see_each_other() -> None:
    seen: dict[str, str] = {}
    both = asyncio.Barrier(2)

    async def work(workspace: str) -> None:
        with working_for(workspace):
            await both.wait()
            seen[workspace] = current().workspace_id

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work("org_a"))
        tasks.create_task(work("org_b"))
    assert seen == {"org_a": "org_a", "org_b": "org_b"}
    assert current() == Context()


async def test_a_task_inherits_the_context_it_was_started_in() -> None:
    async def look() -> str:
        return current().workspace_id

    with working_for("org_a"):
        task = asyncio.create_task(look())
    assert await task == "org_a"


def test_a_fault_point_does_nothing_until_it_is_armed() -> None:
    reached: list[str] = []
    faultpoints.reach("relay.after_publish")
    faultpoints.arm(reached.append)
    try:
        faultpoints.reach("relay.after_publish")
    finally:
        faultpoints.arm(None)
    faultpoints.reach("relay.after_delete")
    assert reached == ["relay.after_publish"]


async def test_the_system_clock() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().utcoffset() is not None

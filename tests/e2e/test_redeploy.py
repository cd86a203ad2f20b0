"""`make redeploy S=audit`: one service is replaced while people use it and messages come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaos.redeploy.users import Users
from e2e.conftest import Finished
from local.stack.control import Refused, ask, listening
from local.stack.instances import Code
from local.stack.rollout import RolloutFailed, roll

SERVICE = "audit"


@pytest.fixture
async def users(finished: Finished) -> AsyncIterator[Users]:
    """Somebody who looks at the service's pages all the time, and is told of no trouble."""
    watching = Users(finished.stack)
    looking = asyncio.create_task(watching.look(SERVICE))
    yield watching
    watching.stopping.set()
    await looking
    assert watching.requests > 0
    assert watching.troubles == []


async def test_a_service_is_rolled_while_it_is_used(finished: Finished, users: Users) -> None:
    stack, told = finished.stack, list[str]()
    before = stack.processes[SERVICE].pid
    async with listening(stack):
        rolled = await ask(stack.settings.directory, SERVICE, "", lambda what, _: told.append(what))
        assert (rolled["service"], rolled["status"]) == (SERVICE, 0)
        assert told[-1] == "done"
        with pytest.raises(Refused, match="there is no service accounts"):
            await ask(stack.settings.directory, "accounts", "", lambda *_: None)
        with pytest.raises(Refused, match="git knows no commit"):
            await ask(stack.settings.directory, SERVICE, "no-such-release", lambda *_: None)
    assert stack.processes[SERVICE].pid != before
    assert [one.process for one in stack.instances[SERVICE]] == [stack.processes[SERVICE]]


async def test_a_version_that_does_not_start_gets_no_request(finished: Finished, users: Users, tmp_path: Path) -> None:
    stack = finished.stack
    before = stack.processes[SERVICE].pid
    for folder in ("libs", "services", "deploy"):
        (tmp_path / folder).mkdir()
    # It has no topology, which is noticed after its migrations and before it is ready.
    with pytest.raises(RolloutFailed, match="the version that ran goes on"):
        await roll(stack, SERVICE, Code(tmp_path, "broken"))
    assert stack.processes[SERVICE].pid == before
    assert [name for name in stack.processes if name.startswith(f"{SERVICE}.")] == []


async def test_requests_to_one_that_is_not_ready_are_noticed(finished: Finished) -> None:
    """What the front door would do if the order were another: those who look are told, so that their silence above means something."""
    stack, watching = finished.stack, Users(finished.stack)
    looking = asyncio.create_task(watching.look(SERVICE))
    old, early = stack.instances[SERVICE], stack.prepared(SERVICE, Code.here())
    await early.process.start()
    stack.direct(SERVICE, [early])
    await stack.ready(SERVICE)
    watching.stopping.set()
    await looking
    for one in old:
        await stack.remove(one)
    assert {trouble.service for trouble in watching.troubles} == {SERVICE}

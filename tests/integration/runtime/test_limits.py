"""Limits of requests with API keys: over two processes of a service, by the database's own count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from audit.main import compose
from audit.settings import Settings
from core.ids import WorkspaceId
from integration.runtime.test_api_keys import KEY_ID, REVOKED, ask, told
from local.postgres import ServiceDsns
from local.postgres.connection import connected
from local.sandbox.clerk.people import QUILLSTONE
from testkit.messages import deliver
from testkit.outside import Outside
from testkit.services import Service, settings_for, started
from web.api_keys import mint

KEYS, COSTLY = 40, 3


@pytest.fixture
async def processes(dsns: ServiceDsns, outside: Outside) -> AsyncIterator[list[Service]]:
    """Two of one service, on one database, with small limits."""
    settings = settings_for(
        Settings, dsns, outside, api_key_requests=KEYS, api_workspace_requests=60, api_key_costly_requests=COSTLY
    )
    async with AsyncExitStack() as stack:
        parts = [await stack.enter_async_context(compose(settings)) for _ in range(2)]
        found = [await stack.enter_async_context(started(one, dsns)) for one in parts]
        await deliver(found[0].consumer("workspaces"), told())
        yield found


async def test_two_processes_let_in_what_the_limit_says(processes: list[Service], dsns: ServiceDsns) -> None:
    answers = await asyncio.gather(*(ask(processes[number % 2]) for number in range(KEYS + 30)))
    let_in = [one for one in answers if one.status_code == 200]
    assert KEYS - 2 <= len(let_in) <= KEYS
    refused = next(one for one in answers if one.status_code != 200)
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    problem = refused.json()
    assert (problem["type"], problem["violated-policies"]) == ("tag:callmine.ai,2026:problem/quota-exceeded", ["key"])
    seconds = int(refused.headers["retry-after"])
    assert 0 < seconds <= 60
    assert refused.headers["ratelimit-policy"] == f'"key";q={KEYS};w=60, "workspace";q=60;w=60'
    assert refused.headers["ratelimit"].startswith(f'"key";r=0;t={seconds}, "workspace";r=')
    assert let_in[0].headers["ratelimit-policy"] == refused.headers["ratelimit-policy"]

    # A key that is over its limit is refused without being looked up, and so not told that it was revoked meanwhile.
    await deliver(processes[0].consumer("workspaces"), REVOKED)
    for one in processes:
        assert (await ask(one)).status_code == 429

    async with connected(dsns.owner) as connection:
        await connection.execute("ALTER TABLE request_allowances NO FORCE ROW LEVEL SECURITY")
        used = {
            row["subject"].split()[0]: row["used"] for row in await connection.fetch("SELECT * FROM request_allowances")
        }
    assert used["key"] == KEYS
    assert used["workspace"] <= 60


async def test_exports_have_a_lower_limit_and_people_have_none(processes: list[Service], outside: Outside) -> None:
    export = "/api/v1/audit/export"
    assert [(await ask(processes[0], path=export)).status_code for _ in range(COSTLY + 2)] == [200] * COSTLY + [429] * 2
    still = await ask(processes[0])
    assert (still.status_code, "costly" in still.headers["ratelimit"]) == (200, False)
    async with processes[0].browser(outside.token()) as browser:
        answers = [await browser.get(path) for path in ("/audit", "/audit/export") for _ in range(KEYS)]
    assert {one.status_code for one in answers} == {200}
    assert not any("ratelimit" in one.headers for one in answers)


async def test_a_window_begins_anew_by_the_database_s_clock(processes: list[Service], dsns: ServiceDsns) -> None:
    answers = [await ask(processes[0], path="/api/v1/audit/export") for _ in range(COSTLY + 1)]
    assert answers[-1].status_code == 429
    async with connected(dsns.owner) as connection:
        await connection.execute("ALTER TABLE request_allowances NO FORCE ROW LEVEL SECURITY")
        await connection.execute("UPDATE request_allowances SET ends_at = ends_at - interval '61 seconds'")
    # The other process has not heard that the limit is used up; the first remembers it until its own clock says otherwise.
    assert (await ask(processes[1], path="/api/v1/audit/export")).status_code == 200
    assert (await ask(processes[0], path="/api/v1/audit/export")).status_code == 429


async def test_limits_of_one_workspace_are_not_another_s(processes: list[Service]) -> None:
    theirs = WorkspaceId(QUILLSTONE.organization_id)
    other = mint(theirs, KEY_ID)
    await deliver(processes[0].consumer("workspaces"), told(key=other, workspace=theirs))
    answers = await asyncio.gather(*(ask(processes[0]) for _ in range(KEYS + 1)))
    assert 429 in {one.status_code for one in answers}
    assert (await ask(processes[0], other)).status_code == 200

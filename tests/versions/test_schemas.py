"""Old code and new code half-way through a roll-out: each statement is planned, with its role's rights.

The order of a roll-out is `pre`, new instances beside old ones, old ones end, `post`. From `pre` on, and until `post`, both versions must
do with the old schema and today's `pre`: they run side by side, and the old one may be gone back to. After `post` it may not.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from architecture.test_statements import connected, queries_of, refusal
from contracts.registry import SERVICES
from database import MigrationSettings, Queries, migrate
from database.migrations import Phase
from local.postgres import ServiceDsns, drop, provision
from local.stack.instances import Code
from testkit.postgres import PASSWORDS


def statements(code: Code, service: str) -> Queries:
    """All statements of a service's version."""
    package = code.root / "services" / service / service.replace("-", "_")
    libraries = (code.root / "libs" / name / name for name in ("database", "messaging"))
    return Queries.load(*(folder / "queries" for folder in (*libraries, package)))


async def refused(dsns: ServiceDsns, queries: Queries) -> list[str | None]:
    """What the database does not take. Questions of staff go by rights of their own, given with the release that has them."""
    async with connected(dsns.app) as app, connected(dsns.sweep) as sweep:
        asked = [one for one in queries if not one.told_to_admins]
        found = [await refusal(sweep if one.crosses_workspaces else app, one) for one in asked]
    assert len(found) > 20
    return [one for one in found if one]


@pytest.fixture
async def half_way(previous: Code, service: str, postgres_url: str) -> AsyncIterator[ServiceDsns]:
    """A database of the previous release with today's `pre` migrations."""
    name = f"test-versions-{service}-{uuid.uuid4().hex[:12]}"
    dsns = await provision(postgres_url, service, PASSWORDS, name)
    migrate(MigrationSettings(dsns.owner, previous.migrations(service)))
    migrate(MigrationSettings(dsns.owner, Code.here().migrations(service)), (Phase.PRE,))
    yield dsns
    await drop(postgres_url, name)


@pytest.mark.parametrize("service", SERVICES)
async def test_both_work_half_way_through_a_roll_out(previous: Code, service: str, half_way: ServiceDsns) -> None:
    assert await refused(half_way, queries_of(service)) == []
    assert await refused(half_way, statements(previous, service)) == []


@pytest.mark.parametrize("service", ["audit"])
async def test_the_job_after_a_roll_out_knows_what_came_before(half_way: ServiceDsns) -> None:
    """In a process of its own, as Cloud Run runs it: nothing has been read there by an earlier step."""
    owner = half_way.owner
    program = (
        "from database import MigrationSettings, migrate; from database.migrations import Phase; from testkit.postgres "
        f"import migration_folders; print(migrate(MigrationSettings({owner!r}, migration_folders('audit')), (Phase.POST,)))"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        cwd=Code.here().root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[")
    assert migrate(MigrationSettings(owner, Code.here().migrations("audit"))) == []


@pytest.mark.parametrize("service", ["retention"])
async def test_a_column_that_the_previous_release_still_reads_is_missed(previous: Code, half_way: ServiceDsns) -> None:
    owner = await asyncpg.connect(half_way.owner)
    try:
        await owner.execute("ALTER TABLE inbox RENAME COLUMN consumer TO reader")
    finally:
        await owner.close()
    assert any("inbox_enter" in (one or "") for one in await refused(half_way, statements(previous, "retention")))

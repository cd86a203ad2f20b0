"""Scopes under fire; and that each way of getting it wrong shows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec.structs import replace

import database.connect
import database.pool
from analysis.main import ENTERING
from chaos.harness import Plan
from core.ids import WorkspaceId
from database import Database, NotCommitted, Queries
from isolation.scopes import Findings, gather, measure, queries
from isolation.scopes.crowd import analysis_database
from isolation.scopes.faults import Interruption, Thrown, interrupted
from testkit.capture import unrecorded
from testkit.postgres import settings_of

if TYPE_CHECKING:
    from database.connect import Connection, RawConnection

ACME = WorkspaceId("org_acme")
FEW = 1_000


def _silent(_done: int, _total: int) -> None: ...


async def _crowd(
    postgres_url: str, statements: Queries | None = None, seed: int = 7, transactions: int = FEW
) -> Findings:
    return await gather(postgres_url, "test-scopes-crowd", seed, transactions, _silent, statements or queries())


async def test_no_scope_reaches_another_transaction(postgres_url: str) -> None:
    part = await measure(Plan(seed=3, full=False, tick=_silent), postgres_url, transactions=2 * FEW)
    assert part.problems == ()
    assert part.figures["stale_scopes"] == 0
    assert part.figures["transactions"] == 2 * FEW


async def test_the_interruptions_reach_every_await_of_a_transaction(postgres_url: str) -> None:
    # An await late in a transaction is struck about four times in a thousand transactions: five thousand do not all miss it.
    findings = await _crowd(postgres_url, transactions=5 * FEW)
    assert set(range(8)) <= set(findings.interrupted), "acquire, BEGIN, statements, COMMIT, ROLLBACK and release"
    assert {"cancelled", "Thrown", "Transient", "NotCommitted"} <= set(findings.ends)
    assert findings.committed > 5 * FEW / 3
    assert findings.told
    assert findings.refused


async def test_a_setting_for_the_session_is_found(postgres_url: str) -> None:
    sound = queries()
    enter = sound["scope_set_enter"]
    text = f"{enter.sql}; SELECT set_config('app.workspace_id', $1, false)"
    broken = Queries({one.name: one for one in sound} | {"scope_set_enter": replace(enter, sql=text)})
    assert (await _crowd(postgres_url, broken)).stale_scopes > 0


async def _do_nothing(_connection: Connection | RawConnection) -> None: ...


async def test_a_transaction_that_is_left_open_is_found(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three have to fail: our rollback, asyncpg's own before a connection goes back, and the pool's check behind it."""
    monkeypatch.setattr(database.pool, "_roll_back", _do_nothing)
    monkeypatch.setattr(asyncpg.connection.Connection, "_reset", _do_nothing)
    monkeypatch.setattr(database.connect, "_reset", _do_nothing)
    assert (await _crowd(postgres_url)).stale_scopes > 0


async def test_the_pool_closes_what_comes_back_inside_a_transaction(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the two rollbacks the last line holds."""
    monkeypatch.setattr(database.pool, "_roll_back", _do_nothing)
    monkeypatch.setattr(asyncpg.connection.Connection, "_reset", _do_nothing)
    assert (await _crowd(postgres_url)).stale_scopes == 0


async def test_a_connection_given_back_while_it_begins_is_found(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enter(self: Any) -> object:
        self._connection = await self._pool.acquire(timeout=1)
        try:
            await self._connection.execute(self._begin)
        except BaseException:
            await self._pool.release(self._connection)
            raise
        self._scope = self._open(self._connection)
        return self._scope

    monkeypatch.setattr(database.pool._Transaction, "__aenter__", enter)
    # Who gets such a connection next is up to the event loop: one crowd may be lucky, ten are not.
    for seed in range(7, 17):
        if (await _crowd(postgres_url, seed=seed)).stale_scopes > 0:
            return
    pytest.fail("a connection that was given back with a scope was never noticed")


Scenario = Callable[[], Coroutine[object, object, None]]


async def _awaits_of(scenario: Scenario) -> int:
    counted: list[int] = []
    await interrupted(scenario(), {}, Thrown(), Counter(), counted.append)
    return counted[0]


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    """Analysis' database, with the statements of the proof beside its own."""
    with unrecorded("the proof of scopes looks at what no service may ask for"):
        async with analysis_database(postgres_url, "test-scopes-single") as dsns:
            opened = await Database.open(settings_of(dsns), queries(), entering=ENTERING)
            yield opened
            await opened.close()


@pytest.mark.parametrize("act", ["cancel", "throw"])
async def test_every_single_await_can_be_interrupted(db: Database, act: Interruption) -> None:
    """One transaction, interrupted at its first await, then at its second, and so on: the next one never sees anything of it."""

    async def scenario() -> None:
        async with db.workspace(ACME) as tx:
            await tx.fetch("plan_of_workspace")

    async def attempt(place: int) -> None:
        await interrupted(scenario(), {place: act}, Thrown(), Counter(), lambda _awaits: None)

    await scenario()
    for place in range(await _awaits_of(scenario)):
        ended = await asyncio.gather(asyncio.create_task(attempt(place)), return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError | Thrown), f"await {place}: {ended}"
        async with db.batch() as batch:
            row = await batch.connection.fetchrow(db.queries["connection_seen"].sql)
            assert row is not None
            assert tuple(row.values()) == ("", "", "0", "none")
    assert db._app.get_idle_size() == db._app.get_size()


async def test_a_commit_of_nothing_is_not_taken_for_a_commit(db: Database) -> None:
    """A statement fails, the block ignores it: PostgreSQL rolls back and says so only in its answer to COMMIT."""
    told: list[str] = []
    with pytest.raises(NotCommitted):
        async with db.workspace(ACME) as tx:
            tx.on_commit(lambda: told.append("committed"))
            with pytest.raises(asyncpg.DivisionByZeroError):
                await tx.execute("scope_fails")
    assert told == []


async def test_what_failed_first_is_told_when_the_rollback_fails_too(db: Database) -> None:
    with pytest.raises(asyncio.CancelledError):
        async with db.workspace(ACME) as tx:
            tx._connection.terminate()
            raise asyncio.CancelledError
    async with db.workspace(ACME) as tx:
        assert await tx.fetch("plan_of_workspace") == []

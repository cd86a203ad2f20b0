"""The worker that renews what is due: over all workspaces, some at once, woken by a hint, and not cut off when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from chaos.vault.renewal.postgres import GONG, Bench, bench_in
from core.ids import WorkspaceId, uuid7
from credential_vault.domain.oauth import Tokens
from credential_vault.domain.renewals import Attempt, Timing
from credential_vault.providers.port import Guard
from credential_vault.workers.renewals import Renewer, RenewerSettings
from integration.credential_vault.renewal_bench import Scripted, renewing
from local.postgres import ServiceDsns

# Longer than any test: what happens happens because of a hint.
SLOW = RenewerSettings(poll_seconds=600.0)


@pytest.fixture
async def bench(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Bench]:
    async with bench_in(dsns, postgres_url) as made:
        await made.connect("refresh-0", 1800, 0)
        yield made


@asynccontextmanager
async def running(worker: Renewer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def version(bench: Bench) -> int:
    return int(
        str(await bench.admin.fetchval("SELECT version FROM credentials WHERE workspace_id = $1", bench.workspace))
    )


async def test_what_is_due_is_renewed_in_every_workspace(dsns: ServiceDsns, postgres_url: str) -> None:
    server = Scripted()
    async with AsyncExitStack() as stack:
        benches: list[Bench] = []
        for number in range(5):
            bench = await stack.enter_async_context(bench_in(dsns, postgres_url, WorkspaceId(f"org_w{number}")))
            # One keyset for all, as a service has it.
            bench.keyring = benches[0].keyring if benches else bench.keyring
            await bench.connect(f"refresh-{number}", 1800, 600 if number == 4 else 0)
            benches.append(bench)
        worker = Renewer(benches[0].db, renewing(benches[0], server), RenewerSettings(at_once=3))
        assert [await worker.once() for _ in range(3)] == [3, 1, 0]
        assert sorted(server.calls) == [f"refresh-{number}" for number in range(4)]


async def test_one_that_somebody_is_at_is_not_found(bench: Bench) -> None:
    assert await bench.store().claim(Attempt(uuid7(), bench.workspace, GONG), tells=False)
    worker = Renewer(bench.db, renewing(bench, Scripted()))
    assert await worker.once() == 0
    await bench.advance(Timing().lease + 1)
    assert await worker.once() == 1


async def test_a_provider_that_is_not_set_up_is_left_alone(bench: Bench) -> None:
    use = renewing(bench, Scripted())
    use = type(use)(use.store, {}, use.cipher, use.clock)
    assert await Renewer(bench.db, use).once() == 0


class _Counting(Scripted):
    """Tells of each call."""

    def __init__(self) -> None:
        Scripted.__init__(self)
        self.made: asyncio.Queue[str] = asyncio.Queue()

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        tokens = await Scripted.refresh(self, refresh_token, base_url, guard)
        self.made.put_nowait(refresh_token)
        return tokens


async def test_a_hint_wakes_it(bench: Bench) -> None:
    server = _Counting()
    worker = Renewer(bench.db, renewing(bench, server), SLOW)
    async with running(worker):
        assert await asyncio.wait_for(server.made.get(), 10) == "refresh-0"
        await asyncio.gather(*worker._under_way.values())
        await bench.advance(1500)
        worker.wake()
        assert await asyncio.wait_for(server.made.get(), 10) == "refresh-1"


async def test_one_that_fails_does_not_stop_the_others(dsns: ServiceDsns, postgres_url: str) -> None:
    async with (
        bench_in(dsns, postgres_url, WorkspaceId("org_a")) as bad,
        bench_in(dsns, postgres_url, WorkspaceId("org_b")) as good,
    ):
        await bad.connect("refresh-a", 1800, -60)
        good.keyring = bad.keyring
        await good.connect("refresh-b", 1800, 0)
        await bad.admin.execute("UPDATE data_keys SET wrapped = convert_to('{}', 'UTF8') WHERE workspace_id = 'org_a'")
        server = Scripted()
        assert await Renewer(good.db, renewing(good, server)).once() == 2
        assert server.calls == ["refresh-b"]


class _Slow(Scripted):
    """Answers once it is told to."""

    def __init__(self) -> None:
        Scripted.__init__(self)
        self.called, self.answers = asyncio.Event(), asyncio.Event()

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        self.called.set()
        await self.answers.wait()
        return await Scripted.refresh(self, refresh_token, base_url, guard)


async def test_what_has_begun_is_brought_to_an_end_when_it_stops(bench: Bench) -> None:
    server = _Slow()
    worker = Renewer(bench.db, renewing(bench, server), SLOW)
    async with running(worker) as task:
        await asyncio.wait_for(server.called.wait(), 10)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        server.answers.set()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)
    assert task.cancelled()
    assert await version(bench) == 2


async def test_it_does_not_wait_for_ever(bench: Bench) -> None:
    server = _Slow()
    worker = Renewer(bench.db, renewing(bench, server), RenewerSettings(poll_seconds=600.0, drain_seconds=0.01))
    async with running(worker) as task:
        await asyncio.wait_for(server.called.wait(), 10)
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)
    assert await bench.admin.fetchval("SELECT outcome FROM renewals") == "started"

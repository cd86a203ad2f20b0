"""Webhooks heard long ago are forgotten in every workspace; what a sender may still send again is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from unit.web.issuer import Issuer

from ingest.domain.webhooks import KEPT_DAYS, Outcome, Sender
from ingest.store import webhooks as store
from ingest.workers.upkeep import forget_heard, forget_webhooks
from integration.ingest import bodies, senders
from integration.ingest.harness import HARBOR, QUILL, Ingest
from integration.ingest.post import NOW, Post, furnish, open_post
from integration.ingest.test_previews import Slept
from testkit.postgres import NewDatabase, settings_of

_RECEIPTS = """INSERT INTO webhook_receipts (workspace_id, source, message_id, type, received_at)
SELECT $1, 'stripe', $2 || n, 'checkout.session.completed', now() - make_interval(days => $3::int, secs => n)
FROM generate_series(1, $4::int) n"""

_CALLS = """INSERT INTO noticed_calls (workspace_id, call_id, noticed_at)
SELECT $1, $2 || n, now() - make_interval(days => $3::int, secs => n) FROM generate_series(1, $4::int) n"""


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def post(ingest: Ingest, issuer: Issuer) -> AsyncIterator[Post]:
    await furnish(ingest)
    async with open_post(ingest, issuer) as opened:
        yield opened


async def hear(ingest: Ingest, workspace_id: str, name: str, days: int, count: int = 1) -> None:
    """Webhooks heard, and calls noticed, so many days ago."""
    for statement in (_RECEIPTS, _CALLS):
        await ingest.sql(statement, workspace_id, name, days, count)


async def left(ingest: Ingest) -> set[tuple[str, str, str]]:
    """What is remembered: table, workspace, id without its number."""
    rows = await ingest.sql(
        """SELECT 'receipt', workspace_id, rtrim(message_id, '0123456789') FROM webhook_receipts
        UNION SELECT 'call', workspace_id, rtrim(call_id, '0123456789') FROM noticed_calls"""
    )
    return {(row[0], row[1], row[2]) for row in rows}


async def test_what_is_too_old_to_come_again_is_forgotten_in_every_workspace_and_nothing_else(ingest: Ingest) -> None:
    for workspace_id in (HARBOR, QUILL):
        await hear(ingest, workspace_id, "old-", KEPT_DAYS + 1, 3)
        await hear(ingest, workspace_id, "young-", KEPT_DAYS - 1, 2)
    assert await forget_heard(ingest.db) == 12
    young = {(table, workspace_id, "young-") for table in ("receipt", "call") for workspace_id in (HARBOR, QUILL)}
    assert await left(ingest) == young
    assert await forget_heard(ingest.db) == 0


@pytest.mark.parametrize("rows", [1, 2, 7, 10])
async def test_a_backlog_goes_in_batches_until_nothing_is_left_of_it(ingest: Ingest, rows: int) -> None:
    await hear(ingest, HARBOR, "old-", KEPT_DAYS + 30, 7)
    await hear(ingest, HARBOR, "young-", 0, 3)
    assert await store.forget_receipts(ingest.db, KEPT_DAYS, rows) == min(rows, 7)
    assert await forget_heard(ingest.db, rows) == 14 - min(rows, 7)
    assert {name for _, _, name in await left(ingest)} == {"young-"}


async def test_two_processes_at_once_forget_each_row_once(ingest: Ingest) -> None:
    await hear(ingest, HARBOR, "old-", KEPT_DAYS + 1, 200)
    forgotten = await asyncio.gather(*(forget_heard(ingest.db, 20) for _ in range(2)))
    assert sum(forgotten) == 400
    assert await left(ingest) == set()


async def test_the_sweep_cannot_forget_what_may_come_again(ingest: Ingest) -> None:
    """Whatever it is asked to: the database's own policy says so."""
    await hear(ingest, HARBOR, "young-", KEPT_DAYS - 1, 5)
    assert await store.forget_receipts(ingest.db, 1, 10) == 0
    assert await store.forget_noticed(ingest.db, 1, 10) == 0
    assert len(await left(ingest)) == 2


async def test_the_sweep_reads_nothing_but_times(new_database: NewDatabase) -> None:
    connection = await asyncpg.connect(settings_of(await new_database("ingest")).sweep_url)
    try:
        for column in ("workspace_id", "type", "message_id", "*"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT {column} FROM webhook_receipts")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT call_id FROM noticed_calls")
    finally:
        await connection.close()


async def test_a_webhook_that_comes_again_after_the_upkeep_is_known(post: Post) -> None:
    letter = senders.stripe_event(bodies.checkout(), NOW)
    await post.send(letter)
    await post.send(senders.gong(bodies.call(), NOW))
    await post.ingest.sql("UPDATE webhook_receipts SET received_at = now() - make_interval(days => $1)", KEPT_DAYS - 1)
    before = await post.written()
    assert await forget_heard(post.ingest.db) == 0
    await post.send(letter)
    await post.send(senders.gong(bodies.call(), NOW))
    assert post.counts()[Sender.STRIPE, Outcome.KNOWN] == 1
    assert post.counts()[Sender.GONG, Outcome.KNOWN] == 1
    assert await post.written() == before


async def test_an_old_name_that_comes_after_its_receipt_is_gone_changes_nothing(post: Post) -> None:
    old = senders.clerk(bodies.organisation("Old name"), NOW, message_id="msg_old")
    await post.send(old)
    await post.send(
        senders.clerk(bodies.organisation("New name", bodies.CREATED * 1000 + 1), NOW, message_id="msg_new")
    )
    await post.ingest.sql("UPDATE webhook_receipts SET received_at = now() - make_interval(days => $1)", KEPT_DAYS + 1)
    assert await forget_heard(post.ingest.db) == 2
    told = len(await post.ingest.told())
    assert (await post.send(old)).status_code == 200
    assert len(await post.ingest.told()) == told
    [row] = await post.ingest.sql("SELECT name FROM workspaces WHERE workspace_id = $1", HARBOR)
    assert row["name"] == "New name"


async def test_upkeep_begins_at_once(ingest: Ingest) -> None:
    await hear(ingest, HARBOR, "old-", KEPT_DAYS + 1)
    upkeep = asyncio.create_task(forget_webhooks(ingest.db, slept := Slept()))
    async with asyncio.timeout(60):
        await slept.once.wait()
    upkeep.cancel()
    assert await left(ingest) == set()


async def test_it_waits_an_hour_where_the_database_is_away(ingest: Ingest) -> None:
    await ingest.db.close()
    upkeep = asyncio.create_task(forget_webhooks(ingest.db, slept := Slept()))
    async with asyncio.timeout(60):
        await slept.once.wait()
    assert not upkeep.done()
    upkeep.cancel()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


@pytest.mark.parametrize(
    ("name", "table", "index"),
    [
        ("receipts_purge", "webhook_receipts", "webhook_receipts_received"),
        ("noticed_calls_purge", "noticed_calls", "noticed_calls_noticed"),
    ],
)
async def test_the_oldest_are_found_by_an_index(ingest: Ingest, name: str, table: str, index: str) -> None:
    """However many are remembered, an hourly look at none that are old costs a few pages."""
    await hear(ingest, HARBOR, "young-", KEPT_DAYS - 1, 5000)
    await ingest.sql(f"ANALYZE {table}")
    # An EXPLAIN is no statement of a service, so it goes past its Database.
    purge = ingest.db.queries[name]
    connection = await asyncpg.connect(ingest.admin_url)
    try:
        await connection.execute("SET ROLE ingest_sweep")
        found = await connection.fetchval(f"EXPLAIN (FORMAT json) {purge.sql}", *(KEPT_DAYS for _ in purge.parameters))
    finally:
        await connection.close()
    scans = [node for node in _nodes(json.loads(found)[0]["Plan"]) if "Scan" in node["Node Type"]]
    assert [node.get("Index Name") for node in scans] == [index, index]

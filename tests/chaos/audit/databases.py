"""Whole databases: processes are killed and run side by side on them, and somebody with the database in hand forges what is in it."""

from __future__ import annotations

import asyncio
import random
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import asyncpg

from audit.log import erasure
from audit.log.sealing import Sealer, SealerSettings
from audit.verify import callmine_verify as verifier
from chaos.audit.books import KEYRING, ORIGIN
from chaos.audit.fresh import fresh, opened
from chaos.audit.life import WORKSPACES, Order, lived, messages
from chaos.audit.tampering import DATABASE, SEALED_AFTERWARDS, THIEF
from core.errors import CallmineError
from core.ids import WorkspaceId
from integration.audit.logs import Logs, as_administrator, entries
from local.postgres import ServiceDsns, clone, drop
from testkit.postgres import PASSWORDS

KEYS = [verifier.read_key(KEYRING.verifiers[0].text)]

POINTS = (
    "consumer.after_effect",
    "consumer.after_commit",
    "audit.seal.after_take",
    "audit.seal.before_commit",
    "audit.seal.after_commit",
    "audit.anchor.before_commit",
    "audit.anchor.after_commit",
)

WRITERS, PROCESSES = 64, 8

MINE = WORKSPACES[0]


@dataclass(slots=True)
class Counts:
    """Figures by name, and what went wrong in words."""

    of: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@asynccontextmanager
async def logs_of(dsns: ServiceDsns) -> AsyncIterator[Logs]:
    """The logs in a database."""
    async with opened(dsns) as db:
        yield Logs(db)


async def killed(admin_url: str, seed: int, count: int) -> Counts:
    """A process dies at each fault point, when the seed says; then one takes all messages again: each is one entry in one place."""
    rng, counts = random.Random(seed), Counts()
    async with fresh(admin_url) as dsns:
        for point in POINTS:
            order = Order(dsns.app, dsns.sweep, seed, count, point, rng.randrange(1, 4))
            status, _ = await lived(order)
            if status != -signal.SIGKILL:
                counts.problems.append(f"seed {seed}: {point} was not reached ({status})")
            counts.of["kills"] += status == -signal.SIGKILL
        status, seen = await lived(Order(dsns.app, dsns.sweep, seed, count))
        if status != 0:
            counts.problems.append(f"seed {seed}: the last life ended with {status}")
        await _judge(admin_url, dsns, [one.event_id for one in messages(seed, count)], seen, counts)
    counts.of["changes"] = count
    return counts


async def crowded(admin_url: str, seed: int, count: int) -> Counts:
    """64 writers in 8 processes, all of which seal as well, without a lease to keep them apart."""
    counts = Counts()
    async with fresh(admin_url) as dsns:
        orders = [
            Order(dsns.app, dsns.sweep, seed * 1000 + number, count, writers=WRITERS // PROCESSES, sealing=number < 2)
            for number in range(PROCESSES)
        ]
        lives = await asyncio.gather(*map(lived, orders))
        counts.problems += [f"seed {seed}: a life ended with {status}" for status, _ in lives if status != 0]
        expected = [one.event_id for order in orders for one in messages(order.seed, count)]
        await _judge(admin_url, dsns, expected, [one for _, seen in lives for one in seen], counts)
    counts.of["written"] = len(expected)
    return counts


async def _judge(
    admin_url: str, dsns: ServiceDsns, expected: Sequence[uuid.UUID], seen: Sequence[tuple[str, str]], counts: Counts
) -> None:
    """Compare what is there with what was sent, and every checkpoint that was seen with the log as it is now."""
    async with logs_of(dsns) as logs:
        await logs.sealer.drain()
        kept = await as_administrator(admin_url, dsns.owner, "SELECT id FROM entries")
        placed = await as_administrator(
            admin_url,
            dsns.owner,
            "SELECT s.workspace_id, s.first_index + u.n - 1 AS position, u.id"
            " FROM log_seals s CROSS JOIN unnest(s.entries) WITH ORDINALITY AS u (id, n)",
        )
        entries_kept, places = Counter(row["id"] for row in kept), Counter(row["id"] for row in placed)
        for one in expected:
            counts.of["missing"] += entries_kept[one] == 0 or places[one] == 0
            counts.of["duplicated"] += entries_kept[one] > 1 or places[one] > 1
        positions: dict[str, list[int]] = {}
        for row in placed:
            positions.setdefault(row["workspace_id"], []).append(row["position"])
        counts.of["gaps"] += sum(sorted(given) != list(range(len(given))) for given in positions.values())
        for workspace in positions:
            await _compare(logs, WorkspaceId(workspace), {note for whose, note in seen if whose == workspace}, counts)
    counts.problems += [
        f"{name}: {counts.of[name]}" for name in ("missing", "duplicated", "gaps", "forks") if counts.of[name]
    ]


async def _compare(logs: Logs, workspace_id: WorkspaceId, notes: set[str], counts: Counts) -> None:
    lines = await logs.export(workspace_id)
    by_size: dict[int, list[verifier.Checkpoint]] = {}
    for note in notes:
        pin = verifier.read_checkpoint(note, KEYS)
        by_size.setdefault(pin.size, []).append(pin)
    counts.of["checkpoints"] += len(notes)
    counts.of["forks"] += sum(len(pins) - 1 for pins in by_size.values())
    report = verifier.check(lines, KEYS, [pins[0] for pins in by_size.values()])
    counts.of["forks"] += len(report.findings)
    counts.problems += report.findings


async def forged(admin_url: str, seed: int) -> tuple[Counter[str], Counter[str], list[str]]:
    """Forge a database in every way there is, each time a fresh copy; what was tried, what was noticed, what was not."""
    tried, noticed, problems = Counter[str](), Counter[str](), list[str]()
    async with fresh(admin_url) as whole:
        pin = await _history(whole, seed)
        template = urlsplit(whole.owner).path[1:].replace("_", "-")
        for name in (*DATABASE, "sealed anew by a thief", "sealed anew under the old checkpoint", "nothing"):
            copy = f"proof-audit-t{uuid.uuid4().hex[:10]}"
            dsns = await clone(admin_url, "audit", copy, PASSWORDS, template)
            try:
                await _forge(admin_url, dsns, name)
                found = await _noticed(dsns, pin)
            finally:
                await drop(admin_url, copy)
            if name == "nothing":
                problems += [f"seed {seed}: false alarm: {one}" for one in found]
                continue
            tried[name] += 1
            noticed[name] += bool(found)
            problems += [] if found else [f"seed {seed}: not noticed in a database: {name}"]
    return tried, noticed, problems


async def _history(dsns: ServiceDsns, seed: int) -> verifier.Checkpoint:
    """Entries of three workspaces, with looks of our staff, sealed in several passes, some erased; the checkpoint pinned half-way."""
    rng = random.Random(seed)
    async with logs_of(dsns) as logs:
        pin = None
        for step in range(6):
            for workspace_id in WORKSPACES[:3]:
                await logs.record(workspace_id, entries(rng.randrange(10, 80)))
                if step in {1, 4}:
                    await logs.looked_into(workspace_id, 2)
            await logs.sealer.drain()
            if step == 2:
                pin = await logs.pin(MINE)
            if step == 3:
                await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
        assert pin is not None
        return pin


async def _forge(admin_url: str, dsns: ServiceDsns, name: str) -> None:
    mine = f"workspace_id = '{MINE}'"
    if name in DATABASE:
        await _changed(admin_url, dsns, DATABASE[name].replace("{mine}", mine))
        if name in SEALED_AFTERWARDS:
            async with logs_of(dsns) as logs:
                await logs.record(MINE, entries(3))
                await logs.sealer.drain()
    elif name.startswith("sealed anew"):
        await _seal_anew(admin_url, dsns, mine, keep_checkpoint=name.endswith("checkpoint"))


async def _changed(admin_url: str, dsns: ServiceDsns, statement: str) -> None:
    """Run a statement that has to change something, past every constraint that can be switched off."""
    connection = await asyncpg.connect(admin_url, database=urlsplit(dsns.owner).path[1:])
    try:
        await connection.execute("SET session_replication_role = replica")
        checks = await connection.fetch(
            "SELECT c.conrelid::regclass::text AS name, c.conname FROM pg_constraint c"
            " WHERE c.contype = 'c' AND c.coninhcount = 0 AND c.conrelid <> 0"
        )
        for row in checks:
            await connection.execute(f'ALTER TABLE {row["name"]} DROP CONSTRAINT "{row["conname"]}"')
        status = await connection.execute(statement)
        assert not status.endswith(" 0"), f"nothing was forged: {statement}"
    finally:
        await connection.close()


async def _seal_anew(admin_url: str, dsns: ServiceDsns, mine: str, *, keep_checkpoint: bool) -> None:
    """Change an entry and build the whole log of the workspace again, with another key than the true one."""
    before = await as_administrator(admin_url, dsns.owner, f"SELECT checkpoint FROM log_heads WHERE {mine}")
    await as_administrator(
        admin_url,
        dsns.owner,
        f"UPDATE entries SET target_id = 'forged' WHERE {mine} AND id = (SELECT id FROM entries WHERE {mine} ORDER BY id LIMIT 1)",
        f"DELETE FROM log_tiles WHERE {mine}",
        f"DELETE FROM log_anchors WHERE {mine}",
        f"UPDATE log_heads SET size = 0, frontier = '', checkpoint = '', anchored_size = 0 WHERE {mine}",
        f"INSERT INTO log_arrivals SELECT workspace_id, gen_random_uuid(), array_agg(u.id ORDER BY first_index, n), '', -1"
        f" FROM log_seals CROSS JOIN unnest(entries) WITH ORDINALITY AS u (id, n) WHERE {mine} GROUP BY workspace_id",
        f"DELETE FROM log_seals WHERE {mine} RETURNING 1",
    )
    async with logs_of(dsns) as logs:
        await Sealer(logs.db, THIEF, SealerSettings(ORIGIN)).drain()
    if keep_checkpoint:
        note = before[0]["checkpoint"].replace("'", "''")
        await as_administrator(
            admin_url,
            dsns.owner,
            f"DELETE FROM log_anchors WHERE {mine}",
            f"UPDATE log_heads SET checkpoint = '{note}' WHERE {mine} RETURNING 1",
        )


async def _noticed(dsns: ServiceDsns, pin: verifier.Checkpoint) -> list[str]:
    async with logs_of(dsns) as logs:
        try:
            return (await logs.check(MINE, pin)).findings
        except CallmineError as error:
            # Nothing can be handed out at all: whoever pinned a checkpoint knows that there was something.
            return [str(error)]
        except verifier.Unreadable as error:
            return [str(error)]

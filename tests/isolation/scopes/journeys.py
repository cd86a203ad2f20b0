"""The transactions: in one workspace, through several in one batch, one inside another, and in none."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

import asyncpg

from core.ids import WorkspaceId
from database import Batch, Database, Row, Tx
from isolation.scopes.faults import Fault, Inside, Thrown
from isolation.scopes.findings import Findings
from isolation.scopes.watched import patience

WORKSPACES = tuple(WorkspaceId(f"org_scopes{number}") for number in range(50))
# A window for each workspace, in days: a floor that belongs to another one shows.
WINDOWS = {workspace: 100 + number for number, workspace in enumerate(WORKSPACES)}

# Shorter than the queue for ten connections, longer than finding one free.
_IMPATIENCE_SECONDS = 0.005

Journey = Callable[[Fault], Coroutine[object, object, None]]

_WRITES = 0.2
_LOOKS_AGAIN = 0.1
_LOOKS_AT_ROWS = 0.1


@dataclass(slots=True)
class Traveller:
    """Runs transactions. `full` enters with the retention floor, as analysis does; `plain` without, as the others do."""

    full: Database
    plain: Database
    findings: Findings
    rng: random.Random
    end_backend: Callable[[int], Awaitable[None]]

    def journey(self) -> Journey:
        """One of the transactions."""
        kinds = (self.visit, self.visit_plainly, self.tour, self.tour_plainly, self.stay_outside, self.visit_twice)
        return self.rng.choices(kinds, weights=(62, 20, 5, 4, 8, 1))[0]

    async def visit(self, fault: Fault) -> None:
        """A transaction in one workspace."""
        await self._visit(self.full, fault)

    async def visit_plainly(self, fault: Fault) -> None:
        """The same in a service that has no floor."""
        await self._visit(self.plain, fault)

    async def tour(self, fault: Fault) -> None:
        """A batch through several workspaces."""
        await self._tour(self.full, fault)

    async def tour_plainly(self, fault: Fault) -> None:
        """A batch that enters with a statement's own round trip, where the library can."""
        await self._tour(self.plain, fault)

    async def stay_outside(self, fault: Fault) -> None:
        """A transaction on the application's connection that enters no workspace: it sees nothing."""
        async with self._patient(self.plain, fault).batch() as batch:
            await self._see_nothing(batch)

    async def visit_twice(self, fault: Fault) -> None:
        """A scope inside another one's: each has a connection of its own, and sees its own workspace."""
        outer, inner = self.rng.sample(WORKSPACES, 2)
        # Ten that wait for an eleventh connection would wait for each other: nobody waits long.
        token = patience.set(_IMPATIENCE_SECONDS)
        try:
            async with self.full.workspace(outer) as first:
                await self._look(first, outer, self.full)
                async with self.full.workspace(inner) as second:
                    await self._look(second, inner, self.full)
                    await self._look(first, outer, self.full)
                await self._look(first, outer, self.full)
        finally:
            patience.reset(token)

    async def _visit(self, db: Database, fault: Fault) -> None:
        workspace = self.rng.choice(WORKSPACES)
        async with self._patient(db, fault).workspace(workspace) as tx:
            await self._work(tx, workspace, db, fault.inside)

    async def _tour(self, db: Database, fault: Fault) -> None:
        async with self._patient(db, fault).batch() as batch:
            if self.rng.random() < 0.2:
                await self._see_settings(batch)
            stops = self.rng.choices(WORKSPACES, k=self.rng.randint(2, 4))
            for number, workspace in enumerate(stops):
                tx = await self._enter(batch, workspace)
                await self._work(tx, workspace, db, fault.inside if number == len(stops) - 1 else "nothing")

    async def _enter(self, batch: Batch, workspace: WorkspaceId) -> Tx:
        way = self.rng.random()
        if way < 0.3:
            await self._pass_through(batch)
        if way < 0.6:
            return await batch.enter(workspace)
        tx, _ = await batch.enter_with(
            workspace, "inbox_enter", consumer=str(workspace), event_ids=[uuid.UUID(int=self.rng.getrandbits(128))]
        )
        return tx

    async def _pass_through(self, batch: Batch) -> None:
        """Through several workspaces in one round trip, which leaves something in each."""
        stops = self.rng.choices(WORKSPACES, k=self.rng.randint(1, 4))
        left = [[uuid.UUID(int=self.rng.getrandbits(128))] for _ in stops]
        rows = await batch.enter_each("inbox_enter", stops, consumer=[str(stop) for stop in stops], event_ids=left)
        if [(row["workspace_id"], [row["event_id"]]) for row in rows] != list(zip(stops, left, strict=True)):
            self.findings.stale(f"a batch through {stops} left something elsewhere: {[dict(row) for row in rows]}")

    def _patient(self, db: Database, fault: Fault) -> Database:
        patience.set(_IMPATIENCE_SECONDS if fault.impatient else None)
        return db

    async def _work(self, tx: Tx, workspace: WorkspaceId, db: Database, inside: Inside) -> None:
        await self._look(tx, workspace, db)
        if (db is self.full and self.rng.random() < _WRITES) or inside in ("raises", "raises before commit"):
            await self._write(
                tx, workspace, refused=inside in ("raises", "raises before commit", "fails", "fails unheard")
            )
        await self._suffer(tx, inside)
        if inside == "nothing" and self.rng.random() < _LOOKS_AGAIN:
            await self._look(tx, workspace, db)

    async def _look(self, tx: Tx, workspace: WorkspaceId, db: Database) -> None:
        """Check everything that the transaction can see of its scope."""
        row = await tx.fetch_one("scope_seen")
        assert row is not None
        window = WINDOWS[workspace] if db is self.full else None
        if row["workspace"] != workspace or row["plans"] != [workspace] or row["window_days"] != window:
            self.findings.stale(f"a scope of {workspace} saw {dict(row)}")
        if db is self.full and self.rng.random() < _LOOKS_AT_ROWS:
            self._check_rows(await tx.fetch("scope_rows_seen"), workspace)

    def _check_rows(self, rows: list[Row], workspace: WorkspaceId) -> None:
        if foreign := {row["workspace"] for row in rows} - {workspace}:
            self.findings.stale(f"a scope of {workspace} saw rows of {sorted(foreign)}")

    async def _write(self, tx: Tx, workspace: WorkspaceId, refused: bool) -> None:
        written = uuid.UUID(int=self.rng.getrandbits(128))
        if refused:
            self.findings.refused.add(written)
        await tx.execute("scope_write", id=written, request={"workspace": workspace})
        tx.on_commit(lambda: self.findings.told.add(written))

    async def _suffer(self, tx: Tx, inside: Inside) -> None:
        if inside == "raises":
            raise Thrown("in the block")
        if inside == "raises before commit":
            tx.before_commit(_raise_later)
        elif inside == "raises after commit":
            tx.on_commit(_raise)
        elif inside == "loses its connection":
            await self.end_backend(tx._connection.get_server_pid())
        elif inside == "lingers":
            await tx.execute("scope_hurry")
            await tx.execute("scope_lingers")
        elif inside in ("fails", "fails unheard"):
            await self._fail(tx, unheard=inside == "fails unheard")

    async def _fail(self, tx: Tx, unheard: bool) -> None:
        try:
            await tx.execute("scope_fails")
        except asyncpg.PostgresError:
            if not unheard:
                raise

    async def _see_settings(self, batch: Batch) -> None:
        row = await batch.connection.fetchrow(batch.queries["connection_seen"].sql)
        if row is not None and (row["workspace"] or row["floor"]):
            self.findings.stale(f"a transaction without a scope saw {dict(row)}")

    async def _see_nothing(self, batch: Batch) -> None:
        await self._see_settings(batch)
        # Without a scope the policies refuse, or they show nothing; either is right.
        row = await batch.connection.fetchrow(batch.queries["scope_seen"].sql)
        if row is not None and row["plans"]:
            self.findings.stale(f"a transaction without a scope saw plans of {row['plans']}")


def _raise() -> None:
    raise Thrown("in a callback")


async def _raise_later() -> None:
    _raise()

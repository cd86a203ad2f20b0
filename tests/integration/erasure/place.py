"""One service's database with two workspaces, and the worker that erases one of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import asyncpg

from analysis.store.erasing import show_everything
from architecture.erasure.rules import Rules, rules_of
from audit.log.parting import BEFORE, LogPart
from contracts import unpack
from contracts.erasing import Order, Receipt, receipt_told
from core.ids import WorkspaceId
from credential_vault.handlers.parting import VaultPart
from credential_vault.store import keys
from credential_vault.workers.erasures import Eraser as Shredder
from database import Database, Queries, Tx
from house.projects import services
from integration.audit.logs import Logs
from isolation.mutants.world import seed
from local.postgres import ServiceDsns
from messaging import Outbox
from messaging.erasure import Eraser, Erasing, Part, store
from messaging.erasure.eraser import Folder
from messaging.erasure.worker import PlainPart
from testkit.postgres import settings_of
from testkit.tables import every_row, same_database

ACME, RIVAL = WorkspaceId("org_acme"), WorkspaceId("org_rival")
ORDER = Order(
    "0195520d-9d52-7000-8000-0000000000b2", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
)

# The seeds' log is none that could go on, their erasures are under way, and steps of staff access wait for the sealer.
_UNDONE = {
    "audit": """DELETE FROM log_arrivals; DELETE FROM log_heads; DELETE FROM log_tiles; DELETE FROM log_seals;
    DELETE FROM log_redactions; DELETE FROM log_erasures; DELETE FROM log_anchors;
    UPDATE staff_grants SET leaf_id = gen_random_uuid() WHERE leaf_id IS NULL;
    UPDATE staff_decisions SET leaf_id = gen_random_uuid() WHERE leaf_id IS NULL;
    UPDATE staff_reads SET leaf_id = gen_random_uuid() WHERE leaf_id IS NULL""",
    "credential-vault": "DELETE FROM erasures",
}
_ENTERING: Mapping[str, Sequence[str]] = {"analysis": ("report_floor_enter",)}


# Reading them takes longer than a step of a schedule.
_rules = cache(rules_of)


@dataclass(slots=True)
class Shelf:
    """Folders in memory, by workspace."""

    folders: dict[WorkspaceId, int]

    def workspace(self, workspace_id: WorkspaceId) -> Folder:
        """The folder of one."""
        return _Shelved(self.folders, workspace_id)


@dataclass(slots=True)
class _Shelved:
    folders: dict[WorkspaceId, int]
    workspace_id: WorkspaceId

    async def clear(self, most: int) -> int:
        count = min(most, self.folders[self.workspace_id])
        self.folders[self.workspace_id] -= count
        return count


@dataclass(slots=True)
class Place:
    """A service's database, opened as the service opens it; `admin` is a superuser's connection."""

    service: str
    db: Database
    dsns: ServiceDsns
    url: str
    admin: asyncpg.Connection[asyncpg.Record]
    shelf: Shelf
    part: Part
    rows_at_once: int = 2_000
    quiet_seconds: float = 0.0

    @property
    def rules(self) -> Rules:
        """What the service's manifest says."""
        return _rules(self.service)

    @property
    def erasing(self) -> Erasing:
        """A worker, as another process has one."""
        opening = show_everything if self.service == "analysis" else None
        eraser = Eraser(self.db, self.shelf, opening, self.rows_at_once, objects_at_once=3)
        outbox = Outbox(self.service) if self.service != "retention" else None
        return Erasing(self.service, self.db, outbox, eraser, self.part, quiet_seconds=self.quiet_seconds)

    async def freeze(self, workspace_id: WorkspaceId = ACME) -> None:
        """As the message does."""
        async with self.db.workspace(workspace_id) as tx:
            await store.freeze(tx, ORDER)

    async def others_have_erased(self) -> None:
        """As their receipts do."""
        for other in BEFORE:
            async with self.db.workspace(ACME) as tx:
                await store.heard_of(tx, ORDER.erasure_id, other)

    async def stage(self) -> str:
        """Where the erasure stands; '' without one."""
        async with self.db.workspace(ACME) as tx:
            found = await store.read(tx)
        return found.stage if found else ""

    async def turn(self) -> None:
        """One turn of every worker, at once, however long they meant to wait."""
        if self.service == "credential-vault":
            # Providers are asked by another worker; the deadline is over.
            await self.admin.execute(
                "UPDATE erasures SET deadline_at = now(), next_at = now() WHERE next_at IS NOT NULL"
            )
            await Shredder(self.db, _shred, _tell).once()
        await self.admin.execute("UPDATE tombstones SET next_at = now() WHERE next_at IS NOT NULL")
        await self.erasing.once()

    async def turns_until(self, stage: str) -> None:
        """Turns until the erasure stands there."""
        for _ in range(30):
            if await self.stage() == stage:
                return
            await self.turn()
        raise AssertionError(f"the erasure stands at {await self.stage()!r}, not at {stage!r}")

    async def rows(self, workspace_id: WorkspaceId) -> dict[str, list[str]]:
        """A workspace's rows, by table."""
        whole = await every_row(self.url, self.dsns)
        return {table: [row for row in rows if workspace_id in row] for table, rows in whole.items()}

    async def left(self, workspace_id: WorkspaceId) -> dict[str, int]:
        """How many rows there are of a workspace in tables whose rows go, where there are any. What is told of the erasure is left out."""
        names = [name for name, rule in self.rules.tables.items() if rule.end == "deleted" and name != "outbox"]
        counts = " UNION ALL ".join(
            f"SELECT '{name}' AS name, count(*) AS rows FROM {name} WHERE workspace_id = $1" for name in names
        )
        return {row["name"]: row["rows"] for row in await self.admin.fetch(counts, workspace_id) if row["rows"]}

    async def receipts(self) -> list[Receipt]:
        """What was told so far."""
        bodies = await self.admin.fetch(
            "SELECT body, attributes FROM outbox WHERE topic = 'erasure-receipts' ORDER BY id"
        )
        return [told for row in bodies if (told := _receipt(row)) is not None]


def _receipt(row: asyncpg.Record) -> Receipt | None:
    return receipt_told(unpack(row["body"], json.loads(row["attributes"])).payload)


async def _shred(tx: Tx) -> None:
    await keys.destroy(tx)


async def _tell(tx: Tx, gone: object) -> None:
    del tx
    raise AssertionError(f"nobody is told of {gone}: everybody erases")


def _part_of(service: str, db: Database) -> Part:
    if service == "credential-vault":
        return VaultPart(db, grace=timedelta(0))
    if service == "audit":
        return LogPart(db, Logs(db).sealer.drain)
    return PlainPart()


@asynccontextmanager
async def place_in(service: str, dsns: ServiceDsns, url: str) -> AsyncIterator[Place]:
    """The place, opened and filled."""
    async with AsyncExitStack() as stack:
        admin = await asyncpg.connect(same_database(url, dsns))
        stack.push_async_callback(admin.close)
        for number, workspace in enumerate((ACME, RIVAL), 1):
            await seed(admin, service, workspace, number)
        if service in _UNDONE:
            await admin.execute(_UNDONE[service])
        queries = Queries.of("database", "messaging", services()[service].package)
        db = await Database.open(settings_of(dsns), queries, service, _ENTERING.get(service, ()))
        stack.push_async_callback(db.close)
        yield Place(service, db, dsns, url, admin, Shelf({ACME: 10, RIVAL: 4}), _part_of(service, db))

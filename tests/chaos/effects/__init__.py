"""A small service in place of a real one: it writes facts, announces them, and records what it hears."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from callmine.calls.v1.calls_pb2 import CallFetched
from contracts import Event
from core.ids import WorkspaceId
from database import Batch, Database, DatabaseSettings, MigrationSettings, Queries, Tx, migrate
from local.postgres import Passwords, clone, drop, provision
from messaging import Draft, Routes

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOLDERS = (ROOT / "libs/messaging/messaging/migrations", HERE / "migrations")

_SERVICE = "effects"
PASSWORDS = Passwords(owner="owner-of-effects", app="app-of-effects-db", sweep="sweep-of-effects")


def workspace(number: int) -> WorkspaceId:
    """The id of one of any number of workspaces."""
    return WorkspaceId(f"org_workspace{number}")


def draft(aggregate_id: str, sequence: int) -> Draft:
    """An event about `aggregate_id`, about as large as a real one."""
    payload = CallFetched(
        run_id=aggregate_id,
        call_id=f"call-{sequence}",
        object_name=f"workspaces/org_workspace/calls/{aggregate_id}/{sequence}.json",
        sha256="0" * 64,
        size_bytes=50_000,
    )
    return Draft(payload=payload, aggregate_id=aggregate_id, sequence=sequence)


async def write_fact(tx: Tx, count: int = 1) -> None:
    """What a producer's transaction does besides adding events."""
    await tx.execute("facts_insert", ids=[uuid.uuid4() for _ in range(count)])


async def record_effects(tx: Tx, events: Sequence[Event[CallFetched]]) -> None:
    """The handler: an effect for each event, and nothing that an older event could undo."""
    aggregate_ids = [event.aggregate_id for event in events]
    sequences = [event.sequence for event in events]
    await tx.execute(
        "effects_insert",
        event_ids=[event.event_id for event in events],
        aggregate_ids=aggregate_ids,
        sequences=sequences,
    )
    await tx.execute("states_raise", aggregate_ids=aggregate_ids, sequences=sequences)


async def record_effects_everywhere(batch: Batch, told: Mapping[WorkspaceId, Sequence[Event[CallFetched]]]) -> None:
    """The same for several workspaces, in one round trip; effects only."""
    await batch.enter_each(
        "effects_insert_enter",
        list(told),
        event_ids=[[event.event_id for event in events] for events in told.values()],
        aggregate_ids=[[event.aggregate_id for event in events] for events in told.values()],
        sequences=[[event.sequence for event in events] for events in told.values()],
    )


def effect_routes() -> Routes:
    """Routes with that handler."""
    routes = Routes()
    routes.on_many(CallFetched, record_effects)
    return routes


def queries() -> Queries:
    """The statements of messaging and of this service."""
    packages = [ROOT / "libs/database/database/queries", ROOT / "libs/messaging/messaging/queries", HERE / "queries"]
    return Queries.load(*packages)


@asynccontextmanager
async def effects_database(
    admin_url: str, name: str, app_pool: int = 5, durable: bool = True
) -> AsyncIterator[Database]:
    """A fresh database called `name` with the tables of this service; dropped at the end.

    Without `durable`, commits do not wait for the disk: right where processes die and the database's machine does not.
    """
    async with effects_settings(admin_url, name, app_pool, durable) as settings, open_effects(settings) as database:
        yield database


@asynccontextmanager
async def open_effects(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """A database of this service, opened."""
    database = await Database.open(settings, queries(), _SERVICE)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def effects_settings(
    admin_url: str, name: str, app_pool: int = 5, durable: bool = True, template: str = ""
) -> AsyncIterator[DatabaseSettings]:
    """The same database, for those who open their connections themselves; copied from `template` if there is one, which is quicker."""
    if template:
        dsns = await clone(admin_url, _SERVICE, name, PASSWORDS, template)
    else:
        dsns = await provision(admin_url, _SERVICE, PASSWORDS, name)
        migrate(MigrationSettings(owner_url=dsns.owner, folders=FOLDERS))
    try:
        commits = "" if durable else "&synchronous_commit=off"
        yield DatabaseSettings(app_url=dsns.app + commits, sweep_url=dsns.sweep + commits, app_pool=app_pool)
    finally:
        await drop(admin_url, name)

"""A fresh database of ingest for each test, and a Gong to fetch from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import trustme

from contract.sandbox.stage import HARBORLINE, Stage
from database import Database, Queries
from integration.ingest.harness import Gong, Ingest
from integration.ingest.people import Office, calls_of
from integration.ingest.workshop import Workshop, opened
from local.sandbox.server import RunningSandbox, running
from messaging import Outbox
from testkit.postgres import NewDatabase, settings_of


@pytest.fixture
async def ingest(new_database: NewDatabase, postgres_url: str) -> AsyncIterator[Ingest]:
    """The service on a database of its own."""
    dsns = await new_database("ingest")
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "ingest"), "ingest")
    admin_url = urlsplit(postgres_url)._replace(path=urlsplit(dsns.owner).path).geturl()
    yield Ingest(db, admin_url, Outbox("ingest"))
    await db.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where the sandbox keeps its things."""
    return Stage(tmp_path_factory.mktemp("ingest-worker"), trustme.CA())


@pytest.fixture(scope="session")
async def shared_sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """Gong without limits and with pages of two: Harborline has five calls, one of them private."""
    async with running(stage.settings()) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(shared_sandbox: RunningSandbox) -> AsyncIterator[RunningSandbox]:
    """The shared sandbox, left as it was found."""
    yield shared_sandbox
    shared_sandbox.sandbox.switchboard.disarm()


@pytest.fixture
def gong(sandbox: RunningSandbox) -> Gong:
    """Harborline's Gong."""
    return Gong(f"{sandbox.url}/gong", *HARBORLINE)


@pytest.fixture
async def workshop(ingest: Ingest, gong: Gong, stage: Stage) -> AsyncIterator[Workshop]:
    """Workers over Harborline's Gong."""
    async with opened(ingest, gong, stage.folder / "ca.pem") as made:
        yield made


@pytest.fixture(scope="session")
def people_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where the sandbox of calls with somebody whose data is erased keeps its things."""
    return Stage(tmp_path_factory.mktemp("ingest-people"), trustme.CA())


@pytest.fixture(scope="session")
async def people_sandbox(people_stage: Stage) -> AsyncIterator[RunningSandbox]:
    """Gong with five calls of Harborline, two of them with her, and two of Quillstone, both with her."""
    calls = calls_of(people_stage.folder / "people")
    async with running(people_stage.settings(calls_dir=calls)) as sandbox:
        yield sandbox


@pytest.fixture
async def people_workshop(
    ingest: Ingest, people_sandbox: RunningSandbox, people_stage: Stage
) -> AsyncIterator[Workshop]:
    """Workers over the Gong with her calls."""
    gong = Gong(f"{people_sandbox.url}/gong", *HARBORLINE)
    async with opened(ingest, gong, people_stage.folder / "ca.pem") as made:
        yield made


@pytest.fixture
def office(people_workshop: Workshop) -> Office:
    """Retention asks; objects are in memory."""
    return Office.of(people_workshop, people_workshop.objects, people_workshop.objects)

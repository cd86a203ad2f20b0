"""The service as it is deployed, furnished with what webhooks are about, and providers that never answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from database import Database, Queries
from e2e.snapshot import database_of
from integration.ingest.harness import Ingest
from integration.ingest.post import furnish
from integration.ingest.senders import ORIGIN
from local.stack import Stack, StackSettings
from messaging import Outbox
from testkit.postgres import settings_of

INGEST = "ingest"

# Places of utime and stime in proc(5)'s stat, behind the name of the program.
_USER, _SYSTEM = 11, 12


@dataclass(slots=True)
class Providers:
    """Where all providers' addresses lead."""

    port: int = 0
    came: int = 0
    _held: list[asyncio.StreamWriter] = field(default_factory=list)

    async def hold(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count who comes, and say nothing."""
        self.came += 1
        self._held.append(writer)

    def let_go(self) -> None:
        """End all connections."""
        for writer in self._held:
            writer.close()


@dataclass(frozen=True, slots=True)
class Station:
    """What is measured, and what it leaves behind."""

    stack: Stack
    ingest: Ingest
    providers: Providers

    async def heard(self) -> int:
        """How many webhooks have left their trace."""
        [row] = await self.ingest.sql(
            "SELECT (SELECT count(*) FROM webhook_receipts) + (SELECT count(*) FROM noticed_calls) AS n"
        )
        return int(row["n"])

    def cpu(self) -> float:
        """Seconds of CPU that the service's process has used so far."""
        fields = Path(f"/proc/{self.stack.processes[INGEST].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def station() -> AsyncIterator[Station]:
    """Start it; nothing is left of it afterwards."""
    with _folder() as folder:
        async with _providers() as providers:
            settings = StackSettings(folder, services=(INGEST,), extra={INGEST: _extra(providers)})
            async with Stack.start(settings) as stack, _database(stack) as db:
                ingest = Ingest(db, database_of(stack, INGEST), Outbox(INGEST))
                await furnish(ingest)
                yield Station(stack, ingest, providers)


@asynccontextmanager
async def _database(stack: Stack) -> AsyncIterator[Database]:
    db = await Database.open(settings_of(stack.dsns[INGEST]), Queries.of("database", "messaging", INGEST), INGEST)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _providers() -> AsyncIterator[Providers]:
    providers = Providers()
    listening = await asyncio.start_server(providers.hold, "127.0.0.1", 0)
    providers.port = listening.sockets[0].getsockname()[1]
    try:
        yield providers
    finally:
        listening.close()
        providers.let_go()


def _extra(providers: Providers) -> dict[str, str]:
    nowhere = f"https://127.0.0.1:{providers.port}"
    addresses = {"gong_base_url": nowhere, "hubspot_base_url": nowhere, "clerk_api_url": nowhere}
    return addresses | {"webhooks_url": ORIGIN}


@contextmanager
def _folder() -> Iterator[Path]:
    """PostgreSQL may run as another user, who has to get into it."""
    folder = Path(tempfile.mkdtemp(prefix="callmine-webhooks-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)

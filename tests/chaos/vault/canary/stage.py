"""A whole Callmine whose credentials are canaries, with a run that can be held while the requester has its grant."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from chaos.vault.canary import places
from chaos.vault.canary.canaries import Canary
from chaos.vault.canary.connecting import WAYS
from chaos.vault.canary.findings import Kind, Place, Sweep
from chaos.vault.canary.search import Search
from e2e.runs import end_of, page, start
from e2e.sandbox import Sandbox
from local.journey import Json, Person, admin_of, until
from local.postgres import EmbeddedPostgres
from local.postgres.embedded import program
from local.stack import Stack, StackSettings
from local.stack.keys import WORKSPACES

VAULT, PROVIDER = "credential-vault", "sandbox"

# Each answer of Gong's list and of HubSpot takes this long while the run is held (seconds), well below ingest's time-out: the grant is in
# use all the time, and the provider, which keeps digests only, holds the request with the token long enough for it to be seen.
HELD_SECONDS = 4.0
HELD = tuple(
    {"provider": provider, "path": path, "delay": HELD_SECONDS}
    for provider, path in (("gong", "/v2/calls"), ("hubspot", "/crm/"))
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything, running."""

    stack: Stack
    directory: Path

    @property
    def people(self) -> dict[str, Person]:
        """The admin of each workspace."""
        return {workspace: admin_of(self.stack, workspace) for workspace in WORKSPACES}

    async def connect(self) -> list[Canary]:
        """Connect every workspace, as its admin does; what is secret about it, each part a canary of its own."""
        found: list[Canary] = []
        for workspace, person in self.people.items():
            await until(
                partial(person.call, "GET", "/api/v1/plan"), lambda answer: answer.is_success, "there is no plan"
            )
            for way in WAYS[workspace]:
                found += await way(person, workspace)
        return found

    @asynccontextmanager
    async def held_run(self) -> AsyncIterator[None]:
        """Within the block a run of each workspace holds its grant; the block's end lets them finish, and waits for that."""
        async with Sandbox(self.stack).misbehaving(*HELD):
            runs = [(person, await start(person, workspace)) for workspace, person in self.people.items()]
            yield
        for person, run in runs:
            ended: Json = await end_of(person, run)
            if ended["state"] != "completed":
                raise RuntimeError(f"the run ended {ended['state']}: {ended['reason']}")

    def processes(self) -> dict[int, str]:
        """The processes of the stack and PostgreSQL's first one, by id."""
        found = {process.pid: name for name, process in self.stack.processes.items() if process.running}
        return found | {self._postmaster(): "postgres"}

    def _postmaster(self) -> int:
        return int((self.directory / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    async def look(self, search: Search) -> Sweep:
        """One look at everything but the memory of the vault and of the provider."""
        sweep = Sweep(search)
        await self._look_at_pages(sweep)
        await self._look_into_databases(sweep)
        await asyncio.to_thread(self._look_at_the_rest, sweep)
        return sweep

    async def look_into_memory(self, search: Search, *names: str) -> Sweep:
        """A look at the memory of these processes alone."""
        sweep = Sweep(search)
        await asyncio.to_thread(sweep.memories, {pid: name for pid, name in self.processes().items() if name in names})
        return sweep

    def _look_at_the_rest(self, sweep: Sweep) -> None:
        self._look_into_files(sweep)
        self._look_around(sweep)
        sweep.memories({pid: name for pid, name in self.processes().items() if name not in {VAULT, PROVIDER}})

    def _look_into_files(self, sweep: Sweep) -> None:
        """Every file of the stack, but for the customer's and the provider's own copies of the secrets."""
        theirs = (self.directory / "keys.json", self.directory / "sandbox.json", self.directory / "sandbox")
        for path in places.files(self.directory, theirs):
            within = path.relative_to(self.directory)
            sweep.look(Place(_kind(within), str(within)), places.contents(path))

    def _look_around(self, sweep: Sweep) -> None:
        """What every process of the stack has open, and was told when it was started."""
        for pid, name in self.processes().items():
            for path in places.open_files(pid) if name != PROVIDER else []:
                sweep.look(Place(Kind.OPEN_FILES, f"number {path.name} of {name}"), places.contents(path))
            sweep.look(Place(Kind.COMMAND_LINES, name), places.told(pid, "cmdline"))
            sweep.look(Place(Kind.ENVIRONMENTS, name), places.told(pid, "environ"))

    async def _look_into_databases(self, sweep: Sweep) -> None:
        """A dump, after everything that the server still held in memory alone was written to its files."""
        connection = await asyncpg.connect(self.stack.admin_dsn)
        try:
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()
        content = await places.dump(Path(program("pg_dumpall")), self.stack.admin_dsn)
        await asyncio.to_thread(sweep.look, Place(Kind.DUMP, "all databases"), [content])

    async def _look_at_pages(self, sweep: Sweep) -> None:
        """What an admin is shown."""
        for workspace, person in self.people.items():
            for path in ("/settings/integrations", "/audit", "/dashboard"):
                sweep.look(Place(Kind.PAGES, f"{path} of {workspace}"), [(await page(person, path)).encode()])
            for path in ("/api/v1/integrations", "/api/v1/audit?size=200"):
                sweep.look(Place(Kind.PAGES, f"{path} of {workspace}"), [(await person.call("GET", path)).content])


# By the folder of the stack's directory; what is in none of them is configuration.
_FOLDERS = {
    "postgres": Kind.DATABASE,
    "broker": Kind.BROKER,
    "storage": Kind.OBJECTS,
    "logs": Kind.LOGS,
    "captured": Kind.STATEMENTS,
    "tmp": Kind.TEMPORARY,
}


def _kind(path: Path) -> Kind:
    if "pg_wal" in path.parts:
        return Kind.LOG_OF_CHANGES
    return Kind.LOGS if path.name == "server.log" else _FOLDERS.get(path.parts[0], Kind.CONFIGURATION)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Start everything on a PostgreSQL of its own, whose files can be read; nothing is left of it afterwards."""
    with _folder() as directory:
        server = await asyncio.to_thread(EmbeddedPostgres.start, directory / "postgres")
        try:
            await _write_plainly(server.admin_dsn)
            settings = StackSettings(directory, admin_url=server.admin_dsn, capture=directory / "captured")
            async with Stack.start(settings) as stack:
                yield Stage(stack, directory)
        finally:
            await asyncio.to_thread(server.stop)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """PostgreSQL may run as another user, who has to get into it."""
    directory = Path(tempfile.mkdtemp(prefix="callmine-canary-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


async def _write_plainly(dsn: str) -> None:
    """Keep PostgreSQL from compressing its log, in which nothing could be found then."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ALTER ROLE ALL SET wal_compression = off")
    finally:
        await connection.close()

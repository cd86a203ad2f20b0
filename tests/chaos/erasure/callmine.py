"""A whole running Callmine in which a workspace is erased: asked for at the front door, carried out by five services, each a process.

Two workspaces have done the main job; two more have a canary in every column of text, JSON or bytes. One of each is erased.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from audit.verify import callmine_verify as verifier
from cloud.endpoint import Endpoint
from cloud.storage import StorageClient
from contracts.registry import SERVICES
from e2e.commands import command
from e2e.snapshot import database_of
from local.journey import Person, admin_of
from local.postgres import clone, drop
from local.stack import Stack
from local.stack.environment import BUCKET

LEAVES, STAYS = "harborline", "quillstone"

# A report of each service comes within seconds; there are six steps and, after a restore, five services that start.
_PATIENCE = 240.0
_LOOK_SECONDS = 0.5

# Retention's pauses are over: between reports, and after a failure.
_WORK_ON = (
    "UPDATE erasures SET next_at = now() WHERE next_at > now() AND (leased_until IS NULL OR leased_until < now())"
)

# A day has gone by.
_A_DAY = """UPDATE erasures SET take_back_until = now(), target_at = target_at - interval '1 day', next_at = now() WHERE state = 'asked'"""

# Staff opens a request for a mail of the filled workspace, whose request is as the other one is.
_FOR_A_MAIL = """
INSERT INTO erasures (workspace_id, id, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, next_at)
SELECT $1, gen_random_uuid(), true, $3, $4, asked_at, zone, take_back_until, target_at, alarm_at, deadline, next_at
FROM erasures WHERE workspace_id = $2
"""

# Ten minutes have gone by since all was erased, and half a minute since a part was asked whether it has ended.
_QUIET = """
UPDATE tombstones SET erased_at = erased_at - interval '1 hour', next_at = now()
WHERE stage = 'erased' AND asked_attempt > answered_attempt AND next_at > now() + interval '70 s'
"""
_ASK_AGAIN = (
    "UPDATE tombstones SET next_at = now() WHERE stage = 'frozen' AND told AND next_at < now() + interval '40 s'"
)

# No provider is waited for any longer than it has had until now.
_NO_LONGER = "UPDATE erasures SET deadline_at = now(), next_at = now() WHERE next_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Objects:
    """The bucket of calls, as its administrator has it."""

    client: StorageClient

    async def put(self, name: str, content: bytes) -> None:
        """Write an object as it is."""
        about: dict[str, object] = {"metadata": {}}
        await self.client().upload(BUCKET, name, content, metadata=about, force_resumable_upload=False)

    async def names(self, prefix: str) -> list[str]:
        """All objects below `prefix`."""
        found: list[str] = []
        page = ""
        while True:
            wanted = {"prefix": prefix, **({"pageToken": page} if page else {})}
            listed = await self.client().list_objects(BUCKET, params=wanted)
            found += [str(one["name"]) for one in listed.get("items", ())]
            page = str(listed.get("nextPageToken", ""))
            if not page:
                return found

    async def copies(self, prefix: str) -> dict[str, bytes]:
        """All objects below `prefix` with their content."""
        return {name: await self.client().download(BUCKET, name) for name in await self.names(prefix)}


@asynccontextmanager
async def objects_of(stack: Stack) -> AsyncIterator[Objects]:
    """The bucket of a stack."""
    site = stack.site
    address = f"https://127.0.0.1:{site.ports['storage']}"
    client = StorageClient(Endpoint(address=address, ca_file=site.authority.ca_file, token=site.keys.admin_token))
    try:
        yield Objects(client)
    finally:
        await client.close()


async def completed(
    stack: Stack, patience: float = _PATIENCE, ten_minutes_pass: Callable[[], bool] = lambda: True
) -> bool:
    """Wait until every request is completed, with what a clock would do done at once; False after `patience` seconds.

    The ten minutes before a verification pass as soon as `ten_minutes_pass` says so; nothing is completed before.
    """
    deadline = time.monotonic() + patience
    async with AsyncExitStack() as closing:
        open_ = {name: await asyncpg.connect(database_of(stack, name)) for name in SERVICES}
        for connection in open_.values():
            closing.push_async_callback(connection.close)
        while time.monotonic() < deadline:
            states = await open_["retention"].fetch("SELECT state FROM erasures")
            if states and all(row["state"] == "completed" for row in states):
                return True
            await open_["retention"].execute(_WORK_ON)
            await open_["credential-vault"].execute(_NO_LONGER)
            for connection in open_.values():
                if ten_minutes_pass():
                    await connection.execute(_QUIET)
                await connection.execute(_ASK_AGAIN)
            await asyncio.sleep(_LOOK_SECONDS)
    return False


async def certificate_problem(stack: Stack, workspace: str) -> str:
    """What is wrong with a workspace's certificate, by the verifier that customers are given; empty where it is good."""
    answer = await stack.client.get(f"{stack.url}/trust/certificate-keys")
    keys = [verifier.read_key(line) for line in answer.text.split()]
    printed = await command(stack, "retention", "erasures", "certificate", workspace)
    if printed.status:
        return f"{workspace} has no certificate: {printed.errors[-300:]}"
    try:
        told = verifier.check_certificate(printed.output.strip(), keys)["predicate"]
    except (verifier.Refuted, verifier.Unreadable) as error:
        return f"the certificate of {workspace} is not good: {error}"
    served = {one["service"] for one in told["services"]}
    if told["workspace"] != workspace or served != set(SERVICES):
        return f"the certificate of {workspace} is of {told['workspace']} and {sorted(served)}"
    return ""


@dataclass(slots=True)
class Callmine:
    """A stack, and what is done with it. `filled` are workspaces whose requests were opened for a mail."""

    stack: Stack
    objects: Objects
    filled: str

    @property
    def admin(self) -> Person:
        """The admin of the workspace that leaves."""
        return admin_of(self.stack, LEAVES)

    async def stop(self) -> None:
        """Stop all services; nobody is in their databases then."""
        await asyncio.gather(*(self.stack.processes[name].stop() for name in SERVICES))

    async def start(self) -> None:
        """Start all services, the vault first, as after a restore (docs/runbooks/restore.md)."""
        await self.stack.restart("credential-vault")
        others = [name for name in SERVICES if name != "credential-vault"]
        await asyncio.gather(*(self.stack.restart(name) for name in others))

    async def run(self, service: str, *statements: str) -> None:
        """Statements of the administrator."""
        connection = await asyncpg.connect(database_of(self.stack, service))
        try:
            for one in statements:
                await connection.execute(one)
        finally:
            await connection.close()

    async def ask(self, asked_by: str, ticket: str) -> None:
        """The admin asks at the front door, staff for the other workspace; and a day goes by."""
        organization = self.admin.organization_id
        connection = await asyncpg.connect(database_of(self.stack, "retention"))
        try:
            name = await connection.fetchval("SELECT name FROM workspaces WHERE workspace_id = $1", organization)
            asked = await self.admin.json("POST", "/api/v1/erasure", json={"workspace_name": name})
            assert asked["state"] == "asked", asked
            await connection.execute(_FOR_A_MAIL, self.filled, organization, asked_by, ticket)
            await connection.execute(_A_DAY)
        finally:
            await connection.close()

    async def how_far(self) -> list[str]:
        """Where each request stands, and each service's part, in words."""
        connection = await asyncpg.connect(database_of(self.stack, "retention"))
        try:
            rows = await connection.fetch(
                "SELECT e.workspace_id, e.state, e.outcome, p.service, p.frozen_at, p.erased_at, p.verified_at, p.left_rows"
                " FROM erasures e LEFT JOIN erasure_parts p ON p.workspace_id = e.workspace_id AND p.erasure_id = e.id ORDER BY 1, 4"
            )
        finally:
            await connection.close()
        return [" ".join(str(value) for value in row.values()) for row in rows if row["state"] != "completed"]

    async def certificates(self) -> list[str]:
        """What is wrong with the certificates; nothing where each is good."""
        told = [await certificate_problem(self.stack, one) for one in (self.admin.organization_id, self.filled)]
        return [problem for problem in told if problem]

    async def tidy(self) -> None:
        """As autovacuum does within the day: dead rows go, and statistics are of what is there."""
        for service in SERVICES:
            await self.run(service, "VACUUM ANALYZE")


@dataclass(frozen=True, slots=True)
class Backup:
    """Copies of all databases, file by file, and of the bucket without the ledger, which no restore touches."""

    objects: dict[str, bytes]

    @classmethod
    async def made(cls, callmine: Callmine) -> Backup:
        """A backup of a system whose services are stopped."""
        stack = callmine.stack
        for service in SERVICES:
            passwords = stack.site.keys.database_passwords(service)
            await clone(stack.admin_dsn, service, _name(service), passwords)
        return cls(await callmine.objects.copies("workspaces/"))

    async def restore(self, callmine: Callmine) -> None:
        """Put everything back as it was, and drop the backup."""
        stack = callmine.stack
        for service in SERVICES:
            await drop(stack.admin_dsn, service)
            passwords = stack.site.keys.database_passwords(service)
            await clone(stack.admin_dsn, service, service, passwords, _name(service))
            await drop(stack.admin_dsn, _name(service))
        there = set(await callmine.objects.names("workspaces/"))
        for name in _missing(self.objects, there):
            await callmine.objects.put(name, self.objects[name])


def _missing(kept: Iterable[str], there: set[str]) -> list[str]:
    return sorted(set(kept) - there)


def _name(service: str) -> str:
    return f"{service}-backup"

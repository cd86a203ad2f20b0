"""P2: encrypted at rest, credentials twice."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from cloud.endpoint import Endpoint
from cloud.secrets import GoogleSecrets
from contracts.registry import SERVICES
from core.errors import Permanent
from core.log import JsonFormatter, Logger
from house.imports import imports_of, within
from local.stack.environment import PROJECT
from promises.system import Checks, Mutant, Mutants, System, Verdict
from testkit.tables import raw_bytes

PLACES = ("broker", "logs", "storage", "postgres")

_CHUNK = 4 * 1024 * 1024


def needles(system: System) -> dict[bytes, str]:
    """The connected keys, as they would lie somewhere: plain, in hexadecimal, in base64."""
    found: dict[bytes, str] = {}
    for workspace, key in system.stack.site.keys.gong.items():
        for field, text in key.items():
            raw, name = text.encode(), f"the {field} of {workspace}"
            found |= {raw: name, raw.hex().encode(): name, base64.b64encode(raw).rstrip(b"=")[:-1]: name}
    return found


async def no_credential_in_any_row(system: System) -> Verdict:
    """All tables, read past all policies."""
    sought, size = needles(system), 0
    problems: list[str] = []
    for service, dsns in system.stack.dsns.items():
        content = await raw_bytes(system.stack.admin_dsn, dsns)
        size += len(content)
        problems += [f"{name} lies in the database of {service}" for name in _found(sought, content)]
    return Verdict({"databases": len(system.stack.dsns), "bytes searched": size}, tuple(problems))


async def no_credential_in_any_file(system: System) -> Verdict:
    """Everything on disk but where the keys are at home: the sandbox and the stand-in for Secret Manager."""
    return await searched(system, needles(system), PLACES)


async def searched(system: System, sought: dict[bytes, str], places: tuple[str, ...]) -> Verdict:
    """Search all files of `places` for `sought`."""
    files = [path for place in places for path in (system.directory / place).rglob("*") if path.is_file()]
    found, size = await asyncio.to_thread(_search, files, sought)
    problems = [f"{name} lies in {path.relative_to(system.directory)}" for path, name in found]
    if len(files) < 5:
        problems.append(f"only {len(files)} files were found to search")
    return Verdict({"files": len(files), "bytes searched": size}, tuple(problems))


def _search(files: list[Path], sought: dict[bytes, str]) -> tuple[list[tuple[Path, str]], int]:
    found: set[tuple[Path, str]] = set()
    size = 0
    for path in files:
        try:
            for chunk in _chunks(path, max(map(len, sought))):
                size += len(chunk)
                found |= {(path, name) for name in _found(sought, chunk)}
        except OSError:  # a file of the database's that is gone by now
            continue
    return sorted(found), size


def _chunks(path: Path, overlap: int) -> Iterator[bytes]:
    """The file in parts that overlap, so that nothing is cut in two."""
    kept = b""
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            yield kept + part
            kept = part[-overlap:]


def _found(sought: dict[bytes, str], content: bytes) -> set[str]:
    return {name for needle, name in sought.items() if needle in content}


async def only_the_vault_decrypts(system: System) -> Verdict:
    """Secret Manager's answer to each service's own token, and the imports of all sources."""
    problems: list[str] = []
    refused = 0
    for service in SERVICES:
        opened = await _opens_keyset(system, service)
        if opened != (service == "credential-vault"):
            problems.append(f"{service} {'may' if opened else 'may not'} read the vault's keyset")
        refused += not opened
    users = {
        module
        for module, text in system.sources.items()
        if "tink" in text
        for one in imports_of(module, text, package=False)
        if within(one.imported, ["tink"]) and not within(module, ["credential_vault"])
    }
    problems += [f"{module} imports what the vault decrypts with" for module in sorted(users)]
    return Verdict({"services turned away": refused, "modules read": len(system.sources)}, tuple(problems))


async def _opens_keyset(system: System, service: str) -> bool:
    site = system.stack.site
    place = Endpoint(
        address=f"127.0.0.1:{site.ports['secrets']}",
        ca_file=site.authority.ca_file,
        token=site.keys.service_tokens[service],
    )
    secrets = GoogleSecrets(project=PROJECT, endpoint=place)
    try:
        return bool(await secrets.read("vault-keyset"))
    except Permanent:
        return False
    finally:
        await secrets.close()


@asynccontextmanager
async def secret_in_a_row(system: System) -> AsyncIterator[None]:
    secret = system.stack.site.keys.gong["harborline"]["secret"]
    async with system.admin("analysis") as database:
        # Not logged ahead: what was written must be gone when the table is.
        await database.execute("CREATE UNLOGGED TABLE kept_by_a_mutant (words text)")
        try:
            await database.execute("INSERT INTO kept_by_a_mutant VALUES ($1)", f"called with {secret}")
            yield
        finally:
            await database.execute("DROP TABLE kept_by_a_mutant")


@asynccontextmanager
async def secret_logged(system: System) -> AsyncIterator[None]:
    async with logged(system, "connected", key=system.stack.site.keys.gong["harborline"]["access_key"]):
        yield


@asynccontextmanager
async def logged(system: System, message: str, **fields: str) -> AsyncIterator[None]:
    """The services' own logger writes a line into a log of the system's, within the block."""
    async with writing(system, "promises.mutant"):
        Logger("promises.mutant").warning(message, **fields)
        yield


@asynccontextmanager
async def writing(system: System, name: str) -> AsyncIterator[None]:
    """What the logger called `name` says in this process goes into a log of the system's, as a service writes it; gone after the block."""
    path = system.directory / "logs" / "mutant.log"
    handler, writer = logging.FileHandler(path), logging.getLogger(name)
    handler.setFormatter(JsonFormatter("analysis"))
    disabled, logging.root.manager.disable = logging.root.manager.disable, logging.NOTSET
    level = writer.level
    writer.addHandler(handler)
    writer.setLevel(logging.INFO)
    try:
        yield
    finally:
        logging.root.manager.disable = disabled
        writer.setLevel(level)
        writer.removeHandler(handler)
        handler.close()
        path.unlink(missing_ok=True)


@asynccontextmanager
async def decrypting_elsewhere(system: System) -> AsyncIterator[None]:
    async with system.changed_source("analysis.slack.credential", "from tink import aead\n\naead.register()\n"):
        yield


CHECKS: Checks = {
    "no-credential-in-any-row": no_credential_in_any_row,
    "no-credential-in-any-file": no_credential_in_any_file,
    "only-the-vault-decrypts": only_the_vault_decrypts,
}
MUTANTS: Mutants = {
    "secret-in-a-row": Mutant("no-credential-in-any-row", secret_in_a_row),
    "secret-logged": Mutant("no-credential-in-any-file", secret_logged),
    "decrypting-elsewhere": Mutant("only-the-vault-decrypts", decrypting_elsewhere),
}

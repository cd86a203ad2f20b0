"""What a running stack can be told by its owner: to roll a service to another version (`make redeploy S=audit`).

A socket in a folder that only its owner may enter; a line of JSON asks, lines of JSON answer until it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import CallmineError
from local.stack.instances import Code, UnknownVersion
from local.stack.rollout import Rolled, Tell, roll
from local.stack.stack import Stack

FOLDER = "control"
_SOCKET = "socket"


class NothingRuns(CallmineError):
    """There is no running stack to be told anything."""


class Refused(CallmineError):
    """The stack did not do it; the text says why."""


@asynccontextmanager
async def listening(stack: Stack) -> AsyncIterator[None]:
    """Do what the owner asks for, one thing after another, for as long as the block lasts."""
    folder = stack.settings.directory / FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / _SOCKET).unlink(missing_ok=True)
    at_once = asyncio.Lock()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(await reader.readline())

        def say(**told: object) -> None:
            writer.write(json.dumps(told).encode() + b"\n")

        try:
            async with at_once:
                rolled = await _rolled(stack, asked, lambda what, part: say(what=what, part=part))
            say(done=rolled.figures())
        except (CallmineError, UnknownVersion) as error:
            say(refused=str(error))
        finally:
            await _hung_up(writer)

    server = await asyncio.start_unix_server(connected, folder / _SOCKET)
    try:
        yield
    finally:
        server.close()
        (folder / _SOCKET).unlink(missing_ok=True)


async def _rolled(stack: Stack, asked: dict[str, str], tell: Tell) -> Rolled:
    service, ref = asked["service"], asked["ref"]
    if service not in stack.instances:
        raise Refused(f"there is no service {service}; there are: {', '.join(stack.instances)}")
    code = Code.of(ref, stack.settings.directory / "versions") if ref else Code.here()
    return await roll(stack, service, code, tell)


async def ask(directory: Path, service: str, ref: str, tell: Tell) -> dict[str, object]:
    """Have the stack that runs in `directory` roll a service to the files as they are, or to those of a commit; what it took.

    Raises NothingRuns and Refused.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(directory / FOLDER / _SOCKET)
    except OSError as error:
        raise NothingRuns("Callmine is not running here: `make run` starts it.") from error
    try:
        writer.write(json.dumps({"service": service, "ref": ref}).encode() + b"\n")
        async for line in reader:
            told = json.loads(line)
            if "refused" in told:
                raise Refused(told["refused"])
            if "done" in told:
                return dict(told["done"])
            tell(told["what"], told["part"])
    finally:
        await _hung_up(writer)
    raise Refused("Callmine stopped in between; its logs say more.")


async def _hung_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()

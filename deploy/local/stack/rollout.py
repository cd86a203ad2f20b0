"""Rolling one service to another version while it is in use, in the order in which Cloud Run and the migration jobs do it.

    await roll(stack, "audit", Code.here(), tell)

`pre` migrations; the new instance beside the old one; requests only once it is ready; the old one finishes what it is at; `post`
migrations. A new instance that does not become ready gets no request, and the old one goes on as if nothing had been.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from core.errors import CallmineError
from local.stack.instances import Code, Instance, module_command
from local.stack.processes import ProcessFailed
from local.stack.stack import Stack

# Requests that were given to the old instance just before have arrived there by then.
_ON_THEIR_WAY_SECONDS = 0.5

# Cloud Run's own default for a task of a job.
_MIGRATION_SECONDS = 600.0

Tell = Callable[[str, float], None]
"""Called with what goes on, and how far it is (0 to 1)."""


class RolloutFailed(CallmineError):
    """The service is as it was before; the text says why."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a roll-out took, in seconds: from start to ready, and from SIGTERM to the end of the old one with `status`: 0 in time."""

    service: str
    version: str
    ready_seconds: float
    drained_seconds: float
    status: int | None

    def figures(self) -> dict[str, str | float | int | None]:
        """For those that print or count."""
        return asdict(self)


def silent(_: str, __: float) -> None:
    """Tells nobody."""


async def roll(
    stack: Stack, service: str, code: Code, tell: Tell = silent, *, beside_seconds: float = 0.0, finish: bool = True
) -> Rolled:
    """Replace the instances of a service by one of `code`; for `beside_seconds` old and new get requests in turns. Raises RolloutFailed.

    Without `finish`, the `post` migrations are left for later: until they have run, the version before can be gone back to.
    """
    old = stack.instances[service]
    tell("applying what has to be there before", 0.0)
    await migrated(stack, service, code, "pre")
    tell(f"starting {code.name} beside the version that runs", 0.15)
    began = time.monotonic()
    new = await _started(stack, service, code)
    ready = time.monotonic() - began
    stack.direct(service, [*old, new])
    tell("both get requests" if beside_seconds else "the new one is ready and gets the requests", 0.6)
    await asyncio.sleep(beside_seconds)
    stack.direct(service, [new])
    await asyncio.sleep(_ON_THEIR_WAY_SECONDS)
    tell("the old one finishes what it is at", 0.7)
    began = time.monotonic()
    ended = await asyncio.gather(*(stack.remove(one) for one in old))
    drained = time.monotonic() - began
    if finish:
        tell("applying what may be gone now", 0.9)
        await migrated(stack, service, code, "post")
    tell("done", 1.0)
    worst = next((status for status in ended if status != 0), 0)
    return Rolled(service, code.name, round(ready, 2), round(drained, 2), worst)


async def _started(stack: Stack, service: str, code: Code) -> Instance:
    try:
        return await stack.start_beside(service, code)
    except (ProcessFailed, TimeoutError) as error:
        why = str(error) or "it did not become ready in time"
        raise RolloutFailed(f"{service} did not start; the version that ran goes on. {why}") from error


async def migrated(stack: Stack, service: str, code: Code, phase: Literal["pre", "post"]) -> None:
    """Run `<service> migrate` of that version, as the Cloud Run job does. Raises RolloutFailed with the end of what it said."""
    own = code.environment() if code.root != Code.here().root else {}
    child = await asyncio.create_subprocess_exec(
        *module_command(service, "migrate", "--phase", phase),
        env={**stack.service_environment(service), **own},
        cwd=code.root,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_MIGRATION_SECONDS):
        _, said = await child.communicate()
    if child.returncode != 0:
        raise RolloutFailed(f"the {phase} migrations of {service} were not applied: {said.decode()[-1000:].strip()}")

"""Each service in turn: forward, back, and one of two killed, while everything goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.redeploy.users import Trouble
from local.stack import Stack
from local.stack.instances import Code
from local.stack.rollout import Rolled, migrated, roll

# Both versions get requests for so long.
BESIDE_SECONDS = 3.0

# What may be noticed of an instance that was killed: requests that it had, until the front door finds nobody at its port.
_NOTICED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Kill:
    """An instance of `service` was killed at this moment of the monotonic clock."""

    service: str
    at: float


@dataclass(slots=True)
class Exercise:
    """Rolls between `old` and `new`; keeps what happened."""

    stack: Stack
    old: Code
    new: Code
    rolled: list[Rolled] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)

    async def of(self, service: str) -> None:
        """Forward and back, then the new one beside the old, which is killed; the new one stays, and with it its `post`."""
        for code in (self.new, self.old):
            self.rolled.append(await self._roll(service, code))
        (old,) = self.stack.instances[service]
        new = await self.stack.start_beside(service, self.new)
        self.stack.direct(service, [old, new])
        await asyncio.sleep(BESIDE_SECONDS)
        self.kills.append(Kill(service, time.monotonic()))
        await old.process.kill()
        await asyncio.sleep(BESIDE_SECONDS)
        self.stack.direct(service, [new])
        await self.stack.remove(old)
        await migrated(self.stack, service, self.new, "post")

    async def _roll(self, service: str, code: Code) -> Rolled:
        return await roll(self.stack, service, code, beside_seconds=BESIDE_SECONDS, finish=False)

    def unfinished(self) -> list[str]:
        """Instances that did not finish within the platform's time."""
        return [f"{one.service} ended with {one.status} instead of finishing" for one in self.rolled if one.status != 0]

    def excused(self, trouble: Trouble) -> bool:
        """Whether a request may have been with an instance that was killed under it."""
        return any(
            kill.service == trouble.service and trouble.began - _NOTICED_SECONDS <= kill.at <= trouble.ended
            for kill in self.kills
        )


def errors(exercise: Exercise, troubles: Sequence[Trouble]) -> list[str]:
    """What people saw go wrong and should not have."""
    return [f"{trouble.service}: {trouble.what}" for trouble in troubles if not exercise.excused(trouble)]

"""Two locks as they are commonly built around a refresh, for comparison: neither knows what an answer that was lost means.

Both read the token, call, and write what they got; a time-out or an error is tried again by whoever comes next, and `invalid_grant` means
"reconnect". They differ in the lock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from chaos.vault.renewal.engine import Process, pause
from chaos.vault.renewal.memory import EARLY
from chaos.vault.renewal.provider import LIFETIME, Line
from chaos.vault.renewal.schedule import World
from core.errors import Transient
from credential_vault.domain.credentials import State
from credential_vault.providers.port import Refused

_LEASE = 30.0
_PATIENCE = 10.0


@dataclass(slots=True)
class Lock:
    """A key with a time to live, as in Redis."""

    until: float = 0.0

    def taken(self, now: float) -> bool:
        """Take it if it is free or has expired; whether that went well."""
        if self.until > now:
            return False
        self.until = now + _LEASE
        return True

    def free(self) -> None:
        """Delete the key, whoever has it by now."""
        self.until = 0.0


@dataclass(slots=True)
class Locked:
    """Refreshes under the lock. `patient`: wait for it for a while, then go on without it."""

    world: World
    lock: Lock
    patient: bool

    async def renew(self, line: Line) -> None:
        """Renew the token if it is due."""
        if not self._due():
            return
        has = await self._locked()
        if not has and not self.patient:
            return
        try:
            await self._refresh(line)
        finally:
            if has:
                self.lock.free()

    async def _locked(self) -> bool:
        waited = 0.0
        while True:
            await pause(0.01)
            if self.lock.taken(self.world.engine.now):
                return True
            if not self.patient or waited > _PATIENCE:
                return False
            waited += 1
            await pause(1)

    async def _refresh(self, line: Line) -> None:
        row = self.world.table.row
        await self._database()
        if not self._due():
            return
        token = row.refresh_token
        try:
            made = await line.refresh(token, "", lambda: None)
        except Refused:
            await self._database()
            row.state = State.NEEDS_RECONNECT
            return
        await self._database()
        row.refresh_token, row.version = made.refresh_token, row.version + 1
        row.refresh_at = self.world.engine.now + LIFETIME * EARLY

    def _due(self) -> bool:
        row = self.world.table.row
        return row.state is State.CONNECTED and row.refresh_at <= self.world.engine.now

    async def _database(self) -> None:
        await pause(self.world.rng.uniform(0.002, 0.07))
        if any(begin <= self.world.engine.now < end for begin, end in self.world.table.outages):
            raise Transient("the database is away")


def _locks(patient: bool) -> Callable[[World, Process], Callable[[Line], Awaitable[object]]]:
    locks: dict[int, Lock] = {}

    def made(world: World, _: Process) -> Callable[[Line], Awaitable[object]]:
        locked = Locked(world, locks.setdefault(id(world.table), Lock()), patient)
        return locked.renew

    return made


BASELINES: Mapping[str, Callable[[], Callable[[World, Process], Callable[[Line], Awaitable[object]]]]] = {
    "lease without owner check": lambda: _locks(patient=False),
    "unlocked after a time-out": lambda: _locks(patient=True),
}

"""Two locks as they are commonly built around a refresh, for comparison: neither knows what an answer that was lost means.

Both read the token, call, and write what they got; a time-out or an error is tried again by whoever comes next, and `invalid_grant` means
"reconnect". They differ in the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from chaos.vault.renewal.engine import Pause, Process
from chaos.vault.renewal.schedule import DUE, Player, Renew, World
from chaos.vault.renewal.server import LIFETIME, Line
from chaos.vault.renewal.table import CREDENTIAL, DATA_KEY, WORKSPACE, PlainCipher, Row, text_of
from credential_vault.domain.credentials import Provider, Slot, State
from credential_vault.providers.port import Refused

T = TypeVar("T")

# Longer than the call's time-out, as such locks are: what breaks them is the stall.
_LEASE = 35.0
_PATIENCE = 10.0


@dataclass(slots=True)
class Lock:
    """A key with a time to live, as in Redis."""

    until: float = 0.0

    def taken(self, now: float) -> bool:
        """Take it if it is free or has run out; whether that went well."""
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
    process: Process
    line: Line
    lock: Lock
    patient: bool

    async def renew(self) -> None:
        """Renew the token if it is due."""
        if not await self._read(self._is_due):
            return
        has = await self._locked()
        if not has and not self.patient:
            return
        try:
            await self._refresh()
        finally:
            # Reached by a crash as well, which gives the lock too much credit: a dead process deletes nothing.
            if has and not self.process.dead:
                self.lock.free()

    async def _locked(self) -> bool:
        waited = 0.0
        while True:
            await Pause("lock.set", self.world.rng.uniform(0.001, 0.01))
            if self.lock.taken(self.world.engine.now):
                return True
            if not self.patient or waited > _PATIENCE:
                return False
            waited += 1
            await Pause("lock.wait", 1.0)

    async def _refresh(self) -> None:
        row = await self._read(lambda row: row)
        if not self._is_due(row):
            return
        try:
            made = await self.line.refresh(text_of(row.refresh_token), "", lambda: None)
        except Refused:
            await self._write(lambda row: replace(row, state=State.NEEDS_RECONNECT, refresh_at=None))
            return
        renew_at = self.world.engine.now + DUE
        await self._write(lambda row: _with(row, made.refresh_token, renew_at))

    def _is_due(self, row: Row) -> bool:
        return row.state is State.CONNECTED and row.refresh_at is not None and row.refresh_at <= self.world.engine.now

    async def _read(self, of: Callable[[Row], T]) -> T:
        await Pause("row.read", self.world.rng.uniform(0.002, 0.04))
        self.world.database.reach(self.process)
        return of(self.world.database.content.row)

    async def _write(self, change: Callable[[Row], Row]) -> None:
        await Pause("row.write", self.world.rng.uniform(0.002, 0.04))
        self.world.database.reach(self.process)
        content = self.world.database.content.copy()
        content.row = change(content.row)
        self.world.database.commit(content)
        await Pause("row.written", self.world.rng.uniform(0.002, 0.04))


def _with(row: Row, token: str, renew_at: float) -> Row:
    version = row.version + 1
    slot = Slot(WORKSPACE, Provider.GONG, CREDENTIAL, version, "refresh_token")
    sealed = PlainCipher().encrypt(DATA_KEY, slot, token)
    ends = renew_at + LIFETIME - DUE
    return replace(row, version=version, refresh_token=sealed, refresh_at=renew_at, expires_at=ends)


def _locks(patient: bool) -> Player:
    locks: dict[int, Lock] = {}

    def made(world: World, process: Process) -> Renew:
        lock = locks.setdefault(world.seed, Lock())
        return Locked(world, process, world.line(process), lock, patient).renew

    return made


BASELINES: Mapping[str, Callable[[], Player]] = {
    "lease without owner check": lambda: _locks(patient=False),
    "unlocked after a time-out": lambda: _locks(patient=True),
}

"""Renews what is due: early, so that hardly anybody who asks for a credential has to wait for it.

Any number of processes may do it at once. A renewal that has begun is not cancelled when the service stops: it may hold the only copy of a
token, so it is given time to save it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

from msgspec import Struct

from core.context import working_for
from core.errors import CallmineError
from core.ids import WorkspaceId, uuid7
from core.log import logger
from credential_vault.domain.credentials import Provider
from credential_vault.handlers.renewing import Renewing
from credential_vault.store import renewals as store
from database import Database

log = logger("credential_vault.renewals")

Key = tuple[WorkspaceId, Provider]


class RenewerSettings(Struct, frozen=True):
    """Times are in seconds.

    The defaults: a call takes a second, so that sixteen at once renew 50,000 credentials an hour, and one provider that is slow does not
    hold up the others; a poll is far shorter than Timing.watch_gap, so that attempts without an end are watched; draining waits for a
    whole call and the transaction after it, where the platform gives that much.
    """

    at_once: int = 16
    poll_seconds: float = 5.0
    drain_seconds: float = 45.0

    def pause(self) -> float:
        """Seconds until the next look, spread so that processes do not look together."""
        return self.poll_seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, protects nothing


class Renewer:
    """Runs until cancelled."""

    def __init__(self, db: Database, renewing: Renewing, settings: RenewerSettings | None = None) -> None:
        self._db = db
        self._renewing = renewing
        self._settings = settings or RenewerSettings()
        self._under_way: dict[Key, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something may be due: look now instead of at the next poll. A hint; nothing depends on it."""
        self._woken.set()

    async def run(self) -> None:
        """Renew until cancelled; then bring to an end what has begun."""
        try:
            while True:
                self._woken.clear()
                await self._look()
                await self._rest()
        finally:
            await self._drain()

    async def once(self) -> int:
        """Renew what is due now, and wait for it; how many were tried. Raises Transient when the database is away."""
        started = await self._start_due()
        await asyncio.gather(*started)
        return len(started)

    async def _look(self) -> None:
        try:
            await self._start_due()
        except CallmineError as error:
            log.warning("looking for what is due failed; it will be repeated", cause=type(error).__name__)

    async def _start_due(self) -> list[asyncio.Task[None]]:
        free = self._settings.at_once - len(self._under_way)
        if free <= 0:
            return []
        # Those under way may still look due; with as many more, no place stays empty because of them.
        due = await store.due(self._db, list(self._renewing.providers), self._settings.at_once)
        new = [key for key in due if key not in self._under_way]
        return [self._start(key) for key in new[:free]]

    def _start(self, key: Key) -> asyncio.Task[None]:
        task = asyncio.create_task(self._renew(key))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._ended(key))
        return task

    def _ended(self, key: Key) -> None:
        del self._under_way[key]
        if len(self._under_way) == self._settings.at_once - 1:
            self.wake()

    async def _renew(self, key: Key) -> None:
        """One credential's trouble is not another's."""
        workspace_id, provider = key
        with working_for(workspace_id, str(uuid7())):
            try:
                await self._renewing.renew(workspace_id, provider)
            except CallmineError as error:
                log.warning("a renewal failed", provider=provider.value, cause=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - an unforeseen error must not take the other renewals along
                log.error("a renewal failed in a way nobody foresaw", error=error, provider=provider.value)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.pause()):
                await self._woken.wait()

    async def _drain(self) -> None:
        tasks = list(self._under_way.values())
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=self._settings.drain_seconds)
        for task in left:
            task.cancel()
        if left:
            log.error("renewals were cut off; they will be settled", renewals=len(left))
            await asyncio.gather(*left, return_exceptions=True)

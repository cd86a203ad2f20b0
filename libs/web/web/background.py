"""Background work of a service: started with it, cancelled with it, and a reason to stop when it crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import core.log

Work = Callable[[], Awaitable[None]]

_log = core.log.logger("web.background")


class Background:
    """Runs coroutines for as long as the app lives.

    When one crashes, that is logged and `crashed` is set: the server stops, the process exits with an error, and the
    platform starts it afresh. Half a service that looks healthy would be worse.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = tuple(works)
        self.crashed = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run everything for the length of the block; cancelled at its end."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._watched(work), name=_name(work)) for work in self._works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _watched(self, work: Work) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the process ends because of it
            _log.error("background work crashed; the process stops", error=error, work=_name(work))
            self.crashed.set()


def _name(work: Work) -> str:
    return str(getattr(work, "__qualname__", type(work).__name__))

"""Liveness, readiness, and how late the event loop runs."""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.responses import JSONResponse, Response

import core.log
from core.clock import Clock
from core.errors import CallmineError
from telemetry.instruments import LOOP_LAG_SECONDS
from web.background import Background, Work

READY_SECONDS = 5.0

# Asked every few seconds by the platform. `/healthz` is what revisions of before ask; Google's own front end keeps paths that end so for
# itself.
HEALTH_PATHS = frozenset({"/livez", "/healthz", "/readyz"})

_SAMPLE_SECONDS = 0.25
_SAMPLES = 240  # one minute of samples

_log = core.log.logger("web.health")


class LoopLag:
    """How much later than asked the loop wakes a task: anything that blocks the loop shows here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=_SAMPLES)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            asked = self._clock.monotonic()
            await self._clock.sleep(_SAMPLE_SECONDS)
            self._samples.append(max(0.0, self._clock.monotonic() - asked - _SAMPLE_SECONDS))
            LOOP_LAG_SECONDS.set(max(self._samples))

    def milliseconds(self) -> dict[str, float]:
        """The last sample and the worst of the last minute."""
        last = self._samples[-1] if self._samples else 0.0
        return {"last": round(last * 1000, 1), "worst": round(max(self._samples, default=0.0) * 1000, 1)}


class Health:
    """Answers /livez (the process runs) and /readyz (it can do its work)."""

    def __init__(self, ready: Work | None, background: Background, lag: LoopLag, stopping: asyncio.Event) -> None:
        self._ready = ready
        self._stopping = stopping
        self._background = background
        self._lag = lag

    async def live(self) -> Response:
        """200 while the process serves and none of its background work has crashed."""
        alive = not self._background.crashed.is_set()
        return JSONResponse({"live": alive}, 200 if alive else 503)

    async def readiness(self) -> Response:
        """200 when what the service needs answers; 503 otherwise, and once it is told to stop. The JSON holds the loop's lag in ms."""
        ends = self._stopping.is_set() or self._background.crashed.is_set()
        ready = not ends and await self._is_ready()
        return JSONResponse({"ready": ready, "loop_lag_ms": self._lag.milliseconds()}, 200 if ready else 503)

    async def _is_ready(self) -> bool:
        if self._ready is None:
            return True
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready()
        except (CallmineError, TimeoutError, OSError) as error:
            _log.warning("not ready", error=type(error).__name__)
            return False
        return True

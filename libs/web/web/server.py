"""Serving an app until a signal comes or its background work crashes."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from types import FrameType
from typing import Any, Protocol, cast

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.types import Scope

import core.log
from core.memory import settle
from web.background import Background
from web.health import HEALTH_PATHS
from web.settings import ServiceSettings
from web.state import Web

# Cloud Run sends SIGTERM and waits ten seconds: https://cloud.google.com/run/docs/container-contract
PLATFORM_SECONDS = 10
# What answers under way get of them. The rest is for background work, which gives back messages and leases, and for the pools.
GRACE_SECONDS = 7

# So long after the signal requests are still taken, while others are under way: whoever sends them is told by /readyz to stop, and by each
# answer to close its connection.
_TAKING_SECONDS = 5

# How often it is looked whether something is under way.
_LOOK_SECONDS = 0.05

# Time enough for the other side to take an answer's last bytes and to close.
_HANG_UP_SECONDS = 0.5

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

App = FastAPI | Awaitable[FastAPI] | AbstractAsyncContextManager[FastAPI]

_log = core.log.logger("web.server")


def run(app: App, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT. Exits the process with status 1 if background work crashed or serving failed.

    `app` may be a ready app, a coroutine that builds it on the serving loop (where pools must be opened), or an
    asynchronous context manager that also takes down what it built.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # Only here is the process our own: whoever serves in a process with other things in it keeps their garbage collectable.
        healthy = runner.run(serve(app, settings, settle))
    if not healthy:
        sys.exit(1)


async def serve(app: App, settings: ServiceSettings, started: Callable[[], None] = lambda: None) -> bool:
    """Serve on the running loop until told to stop; False if background work crashed or the start failed.

    `started` is called once everything is built and listening.
    """
    if isinstance(app, AbstractAsyncContextManager):
        async with app as built:
            return await _serve(built, settings, started)
    return await _serve(app if isinstance(app, FastAPI) else await app, settings, started)


async def _serve(app: FastAPI, settings: ServiceSettings, started: Callable[[], None]) -> bool:
    background: Background = app.state.background
    web: Web = app.state.web
    server = _Server(_config(app, settings), web.stopping, started)
    watcher = asyncio.create_task(_stop_on_crash(background, server), name="web.stop_on_crash")
    try:
        await server.serve()
    finally:
        watcher.cancel()
    _log.info("stopped", crashed=background.crashed.is_set())
    return server.started and not background.crashed.is_set()


class _Cycle(Protocol):
    response_complete: bool
    scope: Scope


class _Connection(Protocol):
    """What both of uvicorn's protocols have."""

    cycle: _Cycle | None
    transport: asyncio.Transport


class _Server(uvicorn.Server):
    """Says at once that it stops: to /readyz, and to answers that go on. It listens on while answers are under way, so that whoever asks
    hears it, and no request meets a closed door; then uvicorn waits for the rest, as long as the grace lasts.

    uvicorn raises a caught signal again when it has stopped, which would kill the process before it has cleaned up.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._started = started

    async def startup(self, sockets: Any = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Say so right now: the loop that looks at the flag does it ten times a second."""
        self._stopping.set()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        """Finish what is under way, then stop listening, and wait for what came last."""
        self._stopping.set()
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TAKING_SECONDS):
                await self._finished()
        self.config.timeout_graceful_shutdown = GRACE_SECONDS - round(time.monotonic() - began)
        hanging_up = asyncio.create_task(self._hang_up(), name="web.hang_up")
        try:
            await super().shutdown(sockets)
        finally:
            hanging_up.cancel()

    async def _finished(self) -> None:
        # uvicorn's connections tell nobody when they have answered
        while any(_asked(cast(_Connection, one)) for one in self.server_state.connections):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    async def _hang_up(self) -> None:
        """Break connections on which nothing is under way: closing one politely waits for the other side, which may keep it for later and
        not look at it for minutes."""
        while True:
            await asyncio.sleep(_HANG_UP_SECONDS)
            for connection in list(self.server_state.connections):
                if _idle(cast(_Connection, connection)):
                    connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop serving on SIGTERM and SIGINT, and leave it at that."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)


def _asked(connection: _Connection) -> bool:
    """Whether somebody waits for an answer; who asks after the health of the process does not count."""
    cycle = connection.cycle
    return cycle is not None and not cycle.response_complete and cycle.scope["path"] not in HEALTH_PATHS


def _idle(connection: _Connection) -> bool:
    cycle = connection.cycle
    return (cycle is None or cycle.response_complete) and connection.transport.get_write_buffer_size() == 0


async def _stop_on_crash(background: Background, server: _Server) -> None:
    await background.crashed.wait()
    server.should_exit = True


def _config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        lifespan="on",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )

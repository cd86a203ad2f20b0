"""The sandbox as a server: TLS only, on a port of its own choosing when none is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from local.sandbox.app import Sandbox, build_app
from local.sandbox.clock import Clock
from local.sandbox.settings import SandboxSettings

STOP_SECONDS = 3
"""How long open requests may take to finish when the sandbox stops."""


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that listens. ``url`` has no closing slash; the parts are there for tests to look into."""

    url: str
    sandbox: Sandbox


class _EmbeddedServer(uvicorn.Server):
    """Leaves signals to the process it runs in, and says when it has started (or failed to)."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def running(settings: SandboxSettings, clock: Clock | None = None) -> AsyncIterator[RunningSandbox]:
    """The sandbox, listening for as long as the block lasts."""
    with _listening(settings) as listener:
        placed = _placed(settings, listener)
        app = build_app(placed, clock)
        server = _EmbeddedServer(_server_config(app, placed))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]))
            try:
                await server.settled.wait()
                yield RunningSandbox(f"https://localhost:{placed.port}", app.state.sandbox)
            finally:
                server.should_exit = True


def serve(settings: SandboxSettings) -> None:
    """Serves until the process is told to stop; prints its address, and writes it to ``ready_file``, once it has a port."""
    with _listening(settings) as listener:
        placed = _placed(settings, listener)
        server = uvicorn.Server(_server_config(build_app(placed), placed))
        _tell(placed)
        server.run(sockets=[listener])


@contextmanager
def _listening(settings: SandboxSettings) -> Iterator[socket.socket]:
    with contextlib.closing(socket.create_server((settings.host, settings.port))) as listener:
        yield listener


def _placed(settings: SandboxSettings, listener: socket.socket) -> SandboxSettings:
    return settings.model_copy(update={"port": int(listener.getsockname()[1])})


def _server_config(app: Starlette, settings: SandboxSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ssl_certfile=settings.tls.certificate,
        ssl_keyfile=settings.tls.key,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def _tell(settings: SandboxSettings) -> None:
    print(f"sandbox: listening on {settings.base_url}", flush=True)
    path = settings.ready_file
    if path is None:
        return
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps({"url": settings.base_url, "port": settings.port, "pid": os.getpid()}), "utf-8")
    draft.replace(path)

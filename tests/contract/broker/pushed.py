"""A push endpoint on loopback that notes what it gets and answers what it is told."""

import asyncio
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

TIMEOUT = 20.0


@dataclass(slots=True)
class PushEndpoint:
    """`answers` are the statuses of the next requests; after them every request gets 204."""

    context: ssl.SSLContext | None = None
    answers: list[int] = field(default_factory=list)
    url: str = ""
    _requests: asyncio.Queue[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=asyncio.Queue)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/push", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.context)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if self.context else 'http'}://127.0.0.1:{port}/push"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Headers and body of the next request."""
        async with asyncio.timeout(TIMEOUT):
            return await self._requests.get()

    async def _take(self, request: web.Request) -> web.Response:
        self._requests.put_nowait((dict(request.headers), await request.json()))
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

"""The front door of one machine: one plain-http port on loopback for the browser, TLS to the five services behind it.

    python -m local.front_door --config front-door.json

In production this is the HTTPS load balancer; both read the same path map, `deploy/routes.yaml`. Which instance of a service answers is
said by `traffic`, as Cloud Run does behind the load balancer: one that takes no connection is passed over, since nothing has been sent.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from egress.cookies import no_cookies
from local.traffic import Traffic, doors

# RFC 9110, 7.6.1: these belong to one connection and are not passed on. httpx sets length and host itself.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
    }
)
# These change nothing, and what a body of theirs means is not defined (RFC 9110, 9.3.1): none is passed on.
_SAFE = frozenset({"GET", "HEAD"})
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
# How soon after a request what is left of it is collected.
_FORGET_SECONDS = 1.0
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
# Streams of events hold a connection each for as long as somebody follows a run.
_CONNECTIONS = 1000
# Answers that are under way when it is told to stop: a stream would go on for minutes.
_GRACE_SECONDS = 2

# What a person opens of the sandbox. Its other paths carry tokens: those are reached over TLS, never through here.
SANDBOX_PAGES = (
    "/sandbox/clerk",
    "/sandbox/gong/oauth2/authorize",
    "/sandbox/hubspot/oauth/authorize",
    "/sandbox/slack/oauth/v2/authorize",
    "/sandbox/slack/messages",
    "/sandbox/stripe/pay",
    "/sandbox/stripe/portal",
)

# Cloud-internal paths: never reachable from outside.
INTERNAL = ("/events", "/operator", "/livez", "/healthz", "/readyz")


@dataclass(frozen=True, slots=True)
class PathMap:
    """Upstream base URLs by path prefix; the longest prefix that matches whole path segments wins."""

    prefixes: tuple[tuple[str, str], ...]
    default: str

    @classmethod
    def of(cls, routes: Mapping[str, object], services: Mapping[str, str], more: Mapping[str, str]) -> PathMap:
        """From the content of `routes.yaml`, the services' base URLs, and further prefixes with their base URLs."""
        prefixes = routes["prefixes"]
        if not isinstance(prefixes, dict):
            raise SystemExit("deploy/routes.yaml: prefixes must be a map")
        known = {prefix: services[service] for prefix, service in prefixes.items()} | dict(more)
        ordered = tuple(sorted(known.items(), key=lambda item: -len(item[0])))
        return cls(ordered, services[str(routes["default"])])

    def upstream(self, path: str) -> str:
        """The base URL that answers `path`."""
        for prefix, base in self.prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                return base
        return self.default


def application(paths: PathMap, ca_file: Path, strip: str, traffic: Traffic | None = None) -> Starlette:
    """The proxy; `strip` is taken off paths that begin with it, and `traffic` names the instances behind the services' addresses."""
    instances = traffic or Traffic()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        trust = ssl.create_default_context(cafile=ca_file)
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=50)
        client = httpx.AsyncClient(verify=trust, timeout=_TIMEOUT, limits=limits, trust_env=False, cookies=no_cookies())
        async with client:
            app.state.client, app.state.passed = client, 0
            forgetting = asyncio.create_task(_forget(app.state))
            yield
            forgetting.cancel()

    async def forward(request: Request) -> Response:
        path = request.scope["path"]
        if path.startswith(INTERNAL):
            return PlainTextResponse("Not found", 404)
        request.app.state.passed += 1
        url = httpx.URL(f"{paths.upstream(path)}{path.removeprefix(strip)}", query=request.scope["query_string"])
        again = request.method in _SAFE
        tries = instances.instances(url.port or 443)
        # A connection that was kept may be closed just as it is used again: what only reads is asked once more, as load balancers do.
        for port in [*tries, *tries[: int(again)]]:
            try:
                return _passed_on(await _sent(request, url.copy_with(port=port)))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except httpx.TransportError as error:
                if not again or isinstance(error, httpx.TimeoutException):
                    break
        return PlainTextResponse("This part of Callmine is starting or stopping. Try again in a moment.\n", 503)

    return Starlette(routes=[Route("/{path:path}", forward, methods=_METHODS)], lifespan=lifespan)


async def _sent(request: Request, url: httpx.URL) -> httpx.Response:
    """The beginning of an instance's answer."""
    client: httpx.AsyncClient = request.app.state.client
    safe = request.method in _SAFE
    left_out = _HOP_BY_HOP | {"content-length"} if safe else _HOP_BY_HOP
    headers = [(name, value) for name, value in request.headers.raw if name.decode().lower() not in left_out]
    body = None if safe else request.stream()
    return await client.send(client.build_request(request.method, url, headers=headers, content=body), stream=True)


async def _forget(state: State) -> None:
    """Keys, codes and states pass through here; what is left of them refers to itself, and would stay until it happens to be collected."""
    gc.freeze()
    collected = 0
    while True:
        await asyncio.sleep(_FORGET_SECONDS)
        if state.passed != collected:
            collected = state.passed
            gc.collect()
            # It remembers the last addresses it was given, and a callback's holds a code.
            urlsplit.cache_clear()  # type: ignore[attr-defined]  # typeshed does not know that it has one


def _passed_on(answer: httpx.Response) -> Response:
    response = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
    response.raw_headers = [
        (name.lower(), value) for name, value in answer.headers.raw if name.decode().lower() not in _HOP_BY_HOP
    ]
    return response


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="local.front_door", description="One port for the five services")
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON: host, port, ca_file, services, sandbox, traffic, doors"
    )
    config = json.loads(parser.parse_args().config.read_text())
    logging.basicConfig(level=logging.WARNING)
    routes = yaml.safe_load((Path(__file__).parent.parent / "routes.yaml").read_text())
    paths = PathMap.of(routes, config["services"], dict.fromkeys(SANDBOX_PAGES, config["sandbox"]))
    traffic = Traffic(Path(config["traffic"]) if config["doors"] else None)
    app = application(paths, Path(config["ca_file"]), "/sandbox", traffic)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.get("host", "127.0.0.1"),
            port=config["port"],
            access_log=False,
            log_level="warning",
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    asyncio.run(_serve(server, traffic, config["doors"]))


async def _serve(server: uvicorn.Server, traffic: Traffic, ports: Sequence[int]) -> None:
    async with doors(traffic, ports):
        await server.serve()


if __name__ == "__main__":
    main()

"""P1: encrypted on the way."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from egress import Destination
from house.connections import allowed, connections
from local.stack import Process
from local.stack.ports import free_port
from promises.kernel import Socket, is_loopback, sockets_of
from promises.system import Checks, Mutant, Mutants, System, Verdict

_SECONDS = 5.0
_PLAIN = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"

_ELSEWHERE = "import httpx\n\ndef fetched() -> bytes:\n    return httpx.get('http://reports.example/').content\n"

_NOT_HTTPS = (
    "http://api.openai.com",
    "ftp://api.openai.com",
    "ws://api.openai.com",
    "//api.openai.com",
    "HTTP://slack.com",
)


def pids(system: System) -> list[int]:
    """The processes of the running system."""
    return [process.pid for process in system.stack.processes.values() if process.running]


async def listeners_speak_tls(system: System) -> Verdict:
    """Each listening socket, but the browser's own hop to the front door on loopback."""
    front_door = system.stack.site.ports["front-door"]
    listening = sorted({one.port: one for one in sockets_of(pids(system)) if one.listens}.items())
    problems: list[str] = []
    versions: set[str] = set()
    for port, one in listening:
        if not is_loopback(one.host):
            problems.append(f"something listens on {one.host}:{port}, open to other machines")
        elif port != front_door:
            problems += await _spoken(system, one, versions)
    if len(listening) < 9:
        problems.append(f"only {len(listening)} listening sockets were found: expected those of nine parts at least")
    weakest = min(versions, default="none")
    return Verdict({"listening sockets": len(listening), "oldest version spoken": weakest}, tuple(problems))


async def _spoken(system: System, one: Socket, versions: set[str]) -> list[str]:
    """What is wrong with a listener: it answers plain text, or speaks no TLS."""
    found = []
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
            writer.write(_PLAIN)
            if (await reader.read(16)).startswith(b"HTTP/"):
                found.append(f"port {one.port} answers plain HTTP")
            writer.close()
    try:
        async with asyncio.timeout(_SECONDS):
            context = system.stack.site.authority.client_context()
            _, writer = await asyncio.open_connection("127.0.0.1", one.port, ssl=context)
            versions.add(writer.get_extra_info("ssl_object").version())
            writer.close()
    except (OSError, ssl.SSLError, TimeoutError) as error:
        found.append(f"port {one.port} speaks no TLS that our authority vouches for ({type(error).__name__})")
    return found


async def only_https_goes_out(system: System) -> Verdict:
    """The guard's judgement of addresses, and all sources."""
    problems: list[str] = []
    for address in _NOT_HTTPS:
        with contextlib.suppress(ValueError):
            Destination(name="openai", base_url=address)
            problems.append(f"the guard takes {address}")
    refused = len(_NOT_HTTPS) - len(problems)
    every = (one for module, text in system.sources.items() for one in connections(module, text))
    found = [one for one in every if allowed(one) is None]
    problems += [f"{one.module}:{one.line} opens a connection past the guard: {one.what}" for one in found]
    return Verdict({"addresses refused": refused, "modules read": len(system.sources)}, tuple(problems))


@asynccontextmanager
async def plaintext_listener(system: System) -> AsyncIterator[None]:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    directory = system.directory.resolve()
    empty = directory / "tmp"
    process = Process("plain", command, {"PATH": "/usr/bin:/bin"}, directory / "logs" / "plain.log", empty)
    await process.start()
    system.stack.processes["plain"] = process
    try:
        async with asyncio.timeout(30):
            while not any(one.listens and one.port == port for one in sockets_of([process.pid])):
                process.check()
                await asyncio.sleep(0.05)
        yield
    finally:
        del system.stack.processes["plain"]
        await process.stop()


@asynccontextmanager
async def client_past_the_guard(system: System) -> AsyncIterator[None]:
    async with system.changed_source("analysis.slack.reports", _ELSEWHERE):
        yield


CHECKS: Checks = {"listeners-speak-tls": listeners_speak_tls, "only-https-goes-out": only_https_goes_out}
MUTANTS: Mutants = {
    "plaintext-listener": Mutant("listeners-speak-tls", plaintext_listener),
    "client-past-the-guard": Mutant("only-https-goes-out", client_past_the_guard),
}

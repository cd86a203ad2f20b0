"""Serving for real: a process of its own, TLS, signals, and background work that crashes."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest
import trustme
from unit.web.issuer import Issuer

# Runs in a process of its own: `serve <mode>` builds the app on the serving loop and takes it down afterwards.
PROGRAM = """
import asyncio, gc, sys
from contextlib import asynccontextmanager
import core.log
from integration.web.noticeboard import build
from web import ServiceSettings, load_settings, run

mode = sys.argv[1]
crash = None

async def relay():
    try:
        await crash.wait()
        raise ValueError("password=hunter2")
    finally:
        print("relay ended", flush=True)

async def trigger():
    if mode == "crash":
        crash.set()

@asynccontextmanager
async def application(settings):
    global crash
    crash = asyncio.Event()
    print("pool opened", flush=True)
    try:
        yield build(settings, background=[relay, trigger])
    finally:
        print("pool closed", flush=True)

core.log.configure("noticeboard")
settings = load_settings(ServiceSettings, "noticeboard")
run(application(settings), settings)
print("returned", flush=True)
print("settled" if gc.get_freeze_count() else "unsettled", flush=True)
"""


@pytest.fixture
def environment(tmp_path: Path, unused_tcp_port: int) -> dict[str, str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    (tmp_path / "noticeboard_pages").mkdir()
    (tmp_path / "noticeboard_pages" / "__init__.py").write_text("")
    (tmp_path / "program.py").write_text(PROGRAM)
    ours = {
        "PROJECT": "p",
        "PORT": str(unused_tcp_port),
        "TLS_CERT": str(tmp_path / "cert.pem"),
        "TLS_KEY": str(tmp_path / "key.pem"),
        "APP_DATABASE_URL": "x",
        "SWEEP_DATABASE_URL": "x",
        "BUCKET": "b",
        "CLERK_ISSUER": "https://clerk.example",
        "CLERK_JWKS_URL": "https://127.0.0.1:1/jwks",
        "CLERK_AUTHORIZED_PARTIES": "https://a.example",
        "SIGN_IN_URL": "https://accounts.example/sign-in",
        "PUBLIC_URL": "https://a.example",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLMINE_")}
    kept["PYTHONPATH"] = os.pathsep.join([str(tmp_path), kept.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return kept | {f"CALLMINE_{name}": value for name, value in ours.items()}


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def begin(mode: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(tmp_path / "program.py"), mode]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


async def _answer(
    environment: dict[str, str], tmp_path: Path, path: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Ask until the service listens, for at most a minute."""
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    url = f"https://127.0.0.1:{environment['CALLMINE_PORT']}{path}"
    deadline = time.monotonic() + 60
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        while True:
            try:
                return await client.get(url, headers=headers)
            except httpx.ConnectError:
                assert time.monotonic() < deadline, "the service did not start"
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_everything_in_order(
    start: Start, environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    process = start("serve")
    answer = await _answer(environment, tmp_path, "/healthz")
    assert answer.json() == {"live": True}
    assert "server" not in answer.headers
    process.send_signal(number)
    out, errors = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, errors
    assert out.split("\n") == ["pool opened", "relay ended", "pool closed", "returned", "settled", ""]


async def test_a_signal_ends_streams_at_once_and_whole(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    process = start("serve")
    await _answer(environment, tmp_path, "/healthz")
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    url = f"https://127.0.0.1:{environment['CALLMINE_PORT']}/ticks"
    async with (
        httpx.AsyncClient(verify=context, trust_env=False) as client,
        client.stream("GET", url) as listening,
        client.stream("GET", url) as other,
    ):
        chunks = listening.aiter_bytes()
        first = await anext(chunks)
        await anext(other.aiter_bytes())
        process.send_signal(signal.SIGTERM)
        # Without a signal of their own the streams would last until uvicorn's grace is over, and be cut off in an event.
        whole = first + b"".join([chunk async for chunk in chunks])
        assert whole.endswith(b"\n\n")
    out, errors = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, errors
    assert "timeout graceful shutdown exceeded" not in errors
    assert sorted(out.split()) == sorted(
        [
            "pool",
            "opened",
            "stream",
            "closed",
            "stream",
            "closed",
            "relay",
            "ended",
            "pool",
            "closed",
            "returned",
            "settled",
        ]
    )


async def test_no_more_is_wanted_at_once_and_what_is_under_way_is_answered(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    """A load balancer asks on connections of its own: it has to hear it while the last answers are still made."""
    process = start("serve")
    assert (await _answer(environment, tmp_path, "/readyz")).status_code == 200
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    origin = f"https://127.0.0.1:{environment['CALLMINE_PORT']}"
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(verify=context, trust_env=False, base_url=origin, limits=fresh, timeout=20) as client:
        held = asyncio.create_task(client.get("/held"))
        assert process.stdout is not None
        await asyncio.to_thread(_read_until, process.stdout, "held")
        process.send_signal(signal.SIGTERM)
        while (answer := await client.get("/readyz")).status_code == 200:
            pass  # the signal has not arrived
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert (await client.get("/livez")).status_code == 200
        assert not held.done()
        # Who has not heard it yet is answered too, and told to go elsewhere with what comes next.
        late = await client.get("/release")
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        assert (await held).json() == {"held": True}
        _, errors = await asyncio.to_thread(process.communicate, timeout=60)
        with pytest.raises(httpx.ConnectError):
            await client.get("/readyz")
    assert process.returncode == 0, errors
    assert "timeout graceful shutdown exceeded" not in errors


def _read_until(lines: IO[str], wanted: str) -> None:
    while (line := lines.readline()) and line.strip() != wanted:
        pass


async def test_a_connection_that_somebody_keeps_for_later_holds_nothing_up(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    """Closed politely over TLS it would be open until its owner looks at it, or uvicorn's grace is over."""
    process = start("serve")
    await _answer(environment, tmp_path, "/healthz")
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        assert (await client.get(f"https://127.0.0.1:{environment['CALLMINE_PORT']}/healthz")).is_success
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, errors
    assert "timeout graceful shutdown exceeded" not in errors


async def test_without_keys_to_check_with_a_session_is_not_refused_but_put_off(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    start("serve")
    answer = await _answer(environment, tmp_path, "/notices/1", {"authorization": f"Bearer {Issuer().token()}"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


async def test_a_crash_in_the_background_ends_the_process_with_an_error(start: Start) -> None:
    process = start("crash")
    out, errors = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 1, errors
    assert "pool closed" in out, errors
    assert "background work crashed" in errors
    assert '"error": "ValueError"' in errors
    assert "hunter2" not in errors


async def test_a_port_that_is_taken_ends_the_process_with_an_error(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    first = start("serve")
    await _answer(environment, tmp_path, "/healthz")
    second = start("serve")
    out, errors = await asyncio.to_thread(second.communicate, timeout=60)
    assert second.returncode not in {0, None}, errors
    assert "pool closed" in out, errors
    assert first.poll() is None

"""What a fetch stands on: PostgreSQL, Gong and object storage, each a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ingest import corpus
from chaos.server import postgres
from local.storage import StorageServer, StorageSettings
from local.tls import Authority

BUCKET = "calls"
KEYS = ("bench-access-key", "bench-access-secret")

_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Town:
    """Addresses, and a folder for what is made on the way."""

    admin_url: str
    storage: str
    authority: Authority
    folder: Path

    @contextmanager
    def gong(self, calls: int, per_second: float | None) -> Iterator[str]:
        """Gong with so many calls; its address."""
        folder = self.folder / f"gong-{calls}-{per_second}"
        folder.mkdir()
        corpus.write(folder / "calls.jsonl", calls)
        certificate = self.authority.server(folder.name)
        settings = {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "data_dir": str(folder / "data"),
            "admin_token": "admin-token-of-the-bench",
            "gong": {
                "tenants": [{"workspace": "bench", "access_key": KEYS[0], "access_key_secret": KEYS[1]}],
                "requests_per_second": per_second,
            },
            "models": {"openai_api_key": "sk-openai-bench", "anthropic_api_key": "sk-ant-bench"},
            "calls_file": str(folder / "calls.jsonl"),
            "ready_file": str(folder / "ready"),
        }
        (folder / "sandbox.json").write_text(json.dumps(settings))
        command = [sys.executable, "-m", "local.sandbox", "--config", str(folder / "sandbox.json")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield f"{_ready(folder / 'ready', process)}/gong"
        finally:
            process.terminate()
            process.wait()


def _ready(path: Path, process: subprocess.Popen[bytes]) -> str:
    """The address in the ready file, once it is there."""
    ends = time.monotonic() + _START_SECONDS
    while not path.exists() or not path.read_text():
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(
                "the sandbox has not started: run python -m local.sandbox with its configuration to see why"
            )
        time.sleep(0.05)
    told: dict[str, str] = json.loads(path.read_text())
    return told["url"]


@contextmanager
def town() -> Iterator[Town]:
    """PostgreSQL and object storage, for the length of the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callmine-bench-")))
        admin_url = stack.enter_context(postgres())
        authority = Authority.open(folder / "tls")
        yield Town(admin_url, stack.enter_context(_storage(folder)), authority, folder)


@contextmanager
def _storage(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-c", f"from {__name__} import serve_storage; serve_storage({str(folder)!r})"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdin.close()
        process.wait()


def serve_storage(folder: str) -> None:
    """Serve objects until the standard input ends; the first line told is the address."""
    certificate = Authority.open(Path(folder) / "tls").server("storage")
    settings = StorageSettings(Path(folder) / "objects", certificate, buckets=(BUCKET,))
    with StorageServer.start(settings) as server:
        print(server.endpoint, flush=True)
        sys.stdin.read()


async def told(command: list[str], order: str) -> str:
    """What a process says that was given `order`."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(order.encode())
    if process.returncode:
        raise RuntimeError("a process of the benchmark has failed: its own output says why")
    return said.decode()

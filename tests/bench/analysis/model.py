"""The model in a process of its own: answers after a second, or after a time with a heavy tail that the call's title decides."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from chaos.runs.provider import Asked, Reply, honestly, serving
from local.tls import Authority

SECOND = 1.0


def tail(call: str) -> float:
    """Seconds: most answers come within a second, one in ten takes three, one in a hundred eight; about 0.95 on average."""
    drawn = int.from_bytes(hashlib.blake2b(call.encode(), digest_size=4).digest()) % 100
    return 8.0 if drawn == 0 else 3.0 if drawn < 11 else 0.4 + drawn / 250


def _findings(asked: Asked) -> Reply:
    said = json.loads(asked.prompt.document)["transcript"]
    findings = [
        {
            "theme": theme,
            "claim": f"The customer speaks of {theme}.",
            "sentiment": "mixed",
            "quotes": [{"sentence_id": said[at]["id"], "text": said[at]["text"]} for at in places],
        }
        for theme, places in (("price", (3, 17)), ("security", (31, 44)))
    ]
    return Reply(200, json.dumps({"verdict": "yes", "summary": "It comes up.", "findings": findings}))


async def _serve(folder: str, has_tail: bool) -> None:
    async def answer(asked: Asked) -> Reply:
        if not asked.call:
            await asyncio.sleep(SECOND)
            return await honestly(asked)
        reply = _findings(asked)
        await asyncio.sleep(tail(asked.call) if has_tail else SECOND)
        return reply

    async with serving(answer, Authority.open(Path(folder) / "tls")) as provider:
        print(provider.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(max(provider.most_at_once.values(), default=0), flush=True)


def serve(folder: str, has_tail: bool) -> None:
    """A process's whole life: tells its address, serves until its standard input ends, tells how many were asked at once."""
    uvloop.run(_serve(folder, has_tail))


@contextmanager
def model(folder: Path, has_tail: bool = False) -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-c", f"from {__name__} import serve; serve({str(folder)!r}, {has_tail})"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdin.close()
        process.wait()

"""What is outside, in a process of its own: the model, which answers after a second or after a time with a heavy tail that the call
decides, and the bucket with the calls. Both over TLS; all answers about calls are ready before they are asked for.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from analysis.models.port import Prompt
from bench.analysis.corpus import document
from bench.analysis.wire import Reply, answer_of, listen
from chaos.runs import provider
from integration.analysis.world import honest
from local.tls import Authority

SECOND = 1.0

# The call of a question, and of an object's name.
_ASKED_ABOUT = re.compile(rb'\\"title\\":\\"Call (c\d+)\\"')
_ASKED_FOR = re.compile(rb"%2Fcalls%2F(c\d+)%2F|/calls/(c\d+)/")
_OF_CALL = b"task: analyse-call"


def tail(call: str) -> float:
    """Seconds: most answers come within a second, one in ten takes three, one in a hundred eight; about 0.95 on average."""
    drawn = int.from_bytes(hashlib.blake2b(call.encode(), digest_size=4).digest()) % 100
    return 8.0 if drawn == 0 else 3.0 if drawn < 11 else 0.4 + drawn / 250


@dataclass(frozen=True, slots=True)
class Outside:
    """The addresses of the model and of the bucket."""

    model: str
    storage: str


def _wire(text: str) -> bytes:
    """An answer's text as the provider sends it."""
    said = provider._document({"model": "gpt-5-mini"}, provider.Reply(200, text))
    return answer_of(json.dumps(said).encode())


def _about(call: dict[str, object]) -> bytes:
    """Two findings with two quotes each."""
    said = call["sentences"]
    assert isinstance(said, list), "that is how a call is written"
    findings = [
        {
            "theme": theme,
            "claim": f"The customer speaks of {theme}.",
            "sentiment": "mixed",
            "quotes": [{"sentence_id": f"s{at + 1}", "text": said[at]["text"]} for at in places],
        }
        for theme, places in (("price", (3, 17)), ("security", (31, 44)))
    ]
    return _wire(json.dumps({"verdict": "yes", "summary": "It comes up.", "findings": findings}))


class _World:
    """All that is asked for, made beforehand."""

    def __init__(self, calls: int, has_tail: bool) -> None:
        self.has_tail = has_tail
        self.answers: dict[bytes, tuple[float, bytes]] = {}
        self.objects: dict[bytes, bytes] = {}
        for number in range(calls):
            name = f"c{number}"
            call = document(name)
            seconds = tail(f"Call {name}") if has_tail else SECOND
            self.answers[name.encode()] = (seconds, _about(call))
            packed = gzip.compress(json.dumps(call).encode(), mtime=0)
            self.objects[name.encode()] = answer_of(packed, "application/gzip")

    def ask(self, _: bytes, body: bytes, reply: Reply) -> None:
        """A question, of a call or of a run's themes."""
        found = _ASKED_ABOUT.search(body) if _OF_CALL in body else None
        seconds, answer = self.answers[found[1]] if found else (SECOND, _of_run(body))
        asyncio.get_running_loop().call_later(seconds, reply, answer)

    def read(self, head: bytes, _: bytes, reply: Reply) -> None:
        """An object."""
        found = _ASKED_FOR.search(head)
        assert found, "only calls are read here"
        reply(self.objects[found[1] or found[2]])


def _of_run(body: bytes) -> bytes:
    asked = json.loads(body)
    task = asked["instructions"].partition("\n")[0].removeprefix("task: ")
    return _wire(honest(Prompt(task, asked["instructions"], asked["input"], {}, 0, ())))


async def _serve(folder: str, calls: int, has_tail: bool) -> None:
    world, authority = _World(calls, has_tail), Authority.open(Path(folder) / "tls")
    model = await listen(world.ask, authority.server("model"))
    storage = await listen(world.read, authority.server("storage"))
    print(json.dumps([f"{model}/v1", storage]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


def serve(folder: str, calls: int, has_tail: bool) -> None:
    """A process's whole life: tells its addresses, and serves until its standard input ends."""
    uvloop.run(_serve(folder, calls, has_tail))


@contextmanager
def outside(folder: Path, calls: int, has_tail: bool = False) -> Iterator[Outside]:
    """Both, with so many calls, for the length of the block."""
    command = [sys.executable, "-c", f"from {__name__} import serve; serve({str(folder)!r}, {calls}, {has_tail})"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    try:
        yield Outside(*json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait()

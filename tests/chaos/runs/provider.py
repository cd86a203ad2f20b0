"""A language model on OpenAI's wire, over TLS, that notes what it is asked: who asks whom for what is told by the API key of each question.

Its answers quote the transcript that it is sent. How long it takes and where it fails is the caller's to say.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from analysis.models.port import Prompt
from integration.analysis.world import honest
from local.tls import Authority


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: by which key, and what about; `call` is the title of the call, empty for a summary."""

    key: str
    call: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP status, and the answer's text for 200."""

    status: int
    text: str = ""


Answerer = Callable[[Asked], Awaitable[Reply]]


@dataclass(slots=True)
class Provider:
    """`asked` and `most_at_once` are by key; at once means from the question's arrival to the answer."""

    answer: Answerer
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)
    _at_once: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
                reply = await self._noted(_asked(headers, body))
                content = json.dumps(_document(body, reply)).encode()
                said = f"HTTP/1.1 {reply.status} .\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
                writer.write(said.encode() + content)
                await writer.drain()
        writer.close()

    async def _noted(self, asked: Asked) -> Reply:
        key = asked.key
        self.asked[key] += 1
        self._at_once[key] += 1
        self.most_at_once[key] = max(self.most_at_once[key], self._at_once[key])
        try:
            return await self.answer(asked)
        finally:
            self._at_once[key] -= 1


def _asked(headers: Mapping[str, str], body: Mapping[str, str]) -> Asked:
    task = body["instructions"].partition("\n")[0].removeprefix("task: ")
    prompt = Prompt(task, body["instructions"], body["input"], {}, 0, ())
    call = json.loads(body["input"])["call"]["title"] if task == "analyse-call" else ""
    return Asked(headers["authorization"].removeprefix("Bearer "), call, prompt)


def _document(body: Mapping[str, object], reply: Reply) -> dict[str, object]:
    if reply.status != 200:
        return {"error": {"message": "no", "type": "server_error", "param": None, "code": None}}
    text = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": body["model"],
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 200,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 1200,
        },
    }


async def honestly(asked: Asked) -> Reply:
    """At once, and true to the transcript."""
    return Reply(200, honest(asked.prompt))


@asynccontextmanager
async def serving(answer: Answerer, authority: Authority) -> AsyncIterator[Provider]:
    """A provider, for the length of the block."""
    provider = Provider(answer)
    context = authority.server("model").context()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=context, limit=2**22, backlog=500)
    provider.url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield provider
    finally:
        server.close()

"""The bound: what the storage client alone puts into the emulator, from a process of its own; and what Google's own client does."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from requests.adapters import HTTPAdapter

from bench.ingest.corpus import FIRST, SENTENCES
from bench.ingest.town import BUCKET, told
from cloud import Endpoint
from cloud.objects import GoogleObjects
from ingest.call_object import call_object
from ingest.domain.calls import Call, CallId, Sentence, described
from ingest.workers.loading import UPLOADS
from integration.ingest.harness import HARBOR

PutOne = Callable[[str, bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Load:
    """So many objects of a call's size, put by our client or by Google's own."""

    storage: str
    ca_file: str
    objects: int
    googles_own: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """In seconds."""

    seconds: float
    cpu: float


async def put(load: Load) -> Put:
    """What it took a fresh process."""
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    return Put(**json.loads(await told(command, json.dumps(asdict(load)))))


def main() -> None:
    """Do as told."""
    print(json.dumps(asdict(uvloop.run(_put(Load(**json.loads(sys.stdin.read())))))))


async def _put(load: Load) -> Put:
    content, prefix, slots = _content(), uuid.uuid4().hex, asyncio.Semaphore(UPLOADS)
    async with _threaded(load) if load.googles_own else _ours(load) as put_one:

        async def one(number: int) -> None:
            async with slots:
                await put_one(f"bare/{prefix}/{number}.json.gz", content)

        began, used = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(load.objects):
                group.create_task(one(number))
        return Put(time.monotonic() - began, time.process_time() - used)


@asynccontextmanager
async def _ours(load: Load) -> AsyncIterator[PutOne]:
    objects = GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address=load.storage, ca_file=Path(load.ca_file)))
    yield objects.workspace(HARBOR).put
    await objects.close()


@asynccontextmanager
async def _threaded(load: Load) -> AsyncIterator[PutOne]:
    """Google's own client blocks, so each call runs on a thread."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    session = AuthorizedSession(nobody)  # type: ignore[no-untyped-call]
    session.trust_env, session.verify = False, load.ca_file
    session.mount("https://", HTTPAdapter(pool_maxsize=UPLOADS))
    client = Client(
        project="bench",
        credentials=nobody,
        _http=session,
        client_options={"api_endpoint": load.storage},
    )
    bucket = client.bucket(BUCKET)

    def write(name: str, content: bytes) -> None:
        blob = bucket.blob(name)
        blob.metadata = {"sha256": hashlib.sha256(content).hexdigest()}
        packed = gzip.compress(content, 6, mtime=0)
        blob.upload_from_string(packed, "application/gzip", if_generation_match=0, timeout=(5.0, 30.0))

    with ThreadPoolExecutor(UPLOADS) as threads:

        async def put_one(name: str, content: bytes) -> None:
            await asyncio.get_running_loop().run_in_executor(threads, write, name, content)

        yield put_one
    client.close()


def _content() -> bytes:
    spoken = [
        Sentence("1", 4_000 * place, 4_000 * place + 3_500, f"sentence {place} " * 5) for place in range(SENTENCES)
    ]
    call = Call(CallId("1"), "A call", FIRST, 240, None, "conference", "external", False, (), None, None)
    return call_object(described(call), spoken).content

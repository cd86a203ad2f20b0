"""The bound: what Google's client alone puts into the storage emulator, from a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from bench.ingest.corpus import FIRST, SENTENCES
from bench.ingest.town import BUCKET, told
from cloud import Endpoint
from cloud.objects import GoogleObjects
from ingest.domain.calls import Call, CallId, Sentence, call_object, described
from ingest.workers.loading import UPLOADS
from integration.ingest.harness import HARBOR


@dataclass(frozen=True, slots=True)
class Load:
    """So many objects of a call's size."""

    storage: str
    ca_file: str
    objects: int


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
    place = Endpoint(address=load.storage, ca_file=Path(load.ca_file))
    objects = GoogleObjects(project="bench", bucket=BUCKET, endpoint=place)
    folder, slots, content = objects.workspace(HARBOR), asyncio.Semaphore(UPLOADS), _content()
    prefix = uuid.uuid4().hex

    async def one(number: int) -> None:
        async with slots:
            await folder.put(f"bare/{prefix}/{number}.json.gz", content)

    began, used = time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for number in range(load.objects):
            group.create_task(one(number))
    taken = Put(time.monotonic() - began, time.process_time() - used)
    objects.close()
    return taken


def _content() -> bytes:
    spoken = [
        Sentence("1", 4_000 * place, 4_000 * place + 3_500, f"sentence {place} " * 5) for place in range(SENTENCES)
    ]
    call = Call(CallId("1"), "A call", FIRST, 240, None, "conference", "external", False, (), None, None)
    return call_object(described(call), spoken).content

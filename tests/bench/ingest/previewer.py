"""Previews of one range, one after the other, each with another filter, by the service's worker in a process of its own."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import uvloop

from bench.ingest.fetcher import Order, worker
from bench.ingest.town import KEYS, told
from callmine.calls.v1.calls_pb2 import PreviewReady
from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.fetches.v1.fetches_pb2 import CallFilter
from egress import Egress
from integration.ingest.harness import Gong, Ingest, granted, new_id, preview_requested, stamp

# None, and two that leave a part of the calls.
_WORDS: tuple[Sequence[str], ...] = ((), ("review",), ("7",))


@dataclass(frozen=True, slots=True)
class Previewed:
    """One preview: from the claim of its job to the committed PreviewReady, in seconds."""

    matching: int
    requests: int
    seconds: float


async def previewed(order: Order) -> list[Previewed]:
    """What they took a fresh process."""
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    return [Previewed(**one) for one in json.loads(await told(command, json.dumps(asdict(order))))]


def main() -> None:
    """Do as told."""
    logging.disable(logging.WARNING)
    order = Order(**json.loads(sys.stdin.read()))
    print(json.dumps([asdict(one) for one in uvloop.run(_preview(order))]))


async def _preview(order: Order) -> list[Previewed]:
    taken = []
    async with worker(order) as (working, ingest, egress):
        for words in _WORDS:
            await _start(ingest, order, words)
            asked, began = _requests(egress), time.monotonic()
            await working.work_once()
            seconds = time.monotonic() - began
            [ready] = [e.payload for e in await ingest.told(PreviewReady) if isinstance(e.payload, PreviewReady)]
            if ready.failure:
                raise RuntimeError(ready.failure)
            taken.append(Previewed(ready.matching_calls, _requests(egress) - asked, seconds))
            await ingest.sql("DELETE FROM outbox")
    return taken


def _requests(egress: Egress) -> int:
    counted = egress.metrics().get("gong")
    return counted.requests if counted else 0


async def _start(ingest: Ingest, order: Order, words: Sequence[str]) -> None:
    """A preview whose credential has come."""
    [(start, end)] = order.windows
    begin, stop = stamp(datetime.fromisoformat(start)), stamp(datetime.fromisoformat(end))
    wanted = CallFilter(from_time=begin, to_time=stop, title_words=words)
    await ingest.hear(preview_requested(new_id(), wanted))
    [asked] = await ingest.told(CredentialRequested)
    await ingest.hear(granted(asked, Gong(order.gong, *KEYS)))
    await ingest.sql("DELETE FROM outbox")

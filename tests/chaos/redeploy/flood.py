"""Audit entries, 200 a second, as another service announces them; each with a target of its own, by which it is found again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from google.pubsub_v1.types import PubsubMessage
from msgspec.structs import replace

from contracts import attributes_of, ordering_key_of, pack
from e2e.taps import Taps
from integration.audit.actions import MINE, action
from local.stack.environment import PROJECT

PER_SECOND = 200
_AT_ONCE = 20

# Known by its name, whatever else is in the log.
_TARGET = "flood-"


@dataclass(slots=True)
class Flood:
    """`sent` are the targets that the broker has taken."""

    taps: Taps
    sent: list[str] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Publish until `stopping`, at an even pace."""
        began = time.monotonic()
        while not self.stopping.is_set():
            first = len(self.sent)
            await self._publish(range(first, first + _AT_ONCE))
            due = began + len(self.sent) / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _publish(self, numbers: Sequence[int]) -> None:
        # A request has one ordering key.
        lane = f"{_TARGET}{numbers[0]}"
        events = [replace(action(number, target_id=f"{_TARGET}{number}"), aggregate_id=lane) for number in numbers]
        messages = [
            PubsubMessage(
                data=pack(event),
                attributes=attributes_of(event),
                ordering_key=ordering_key_of(MINE, lane),
            )
            for event in events
        ]
        topic = f"projects/{PROJECT}/topics/audit"
        await self.taps.publishers["ingest"].publish(topic=topic, messages=messages, timeout=30)
        self.sent += [f"{_TARGET}{number}" for number in numbers]

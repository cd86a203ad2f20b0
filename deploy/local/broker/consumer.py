"""Someone who takes deliveries of a subscription: a stream, one Pull call, or the push sender."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.broker.backlog import Lane

BATCH_MESSAGES = 1_000
BATCH_BYTES = 3 << 20
"""Most of one response. gRPC clients accept 4 MiB by default; one larger message still travels alone."""


@dataclass(slots=True)
class Room:
    """What still fits into the response being filled."""

    messages: int
    bytes: int


@dataclass(slots=True, eq=False)
class Consumer:
    """Flow control and wake-up of one taker.

    `deadline` overrides the subscription's acknowledgement deadline (seconds, 0: the subscription's own). `sticky`:
    further messages of an ordering key may go to it while earlier ones are out, as Google does for streams.
    `one_per_key`: only one message of a key at a time (push). `gone`: it ended, give it nothing more.
    """

    deadline: int = 0
    max_messages: int = 0
    max_bytes: int = 0
    sticky: bool = False
    one_per_key: bool = False
    outstanding: int = 0
    outstanding_bytes: int = 0
    gone: bool = False
    lanes: "OrderedDict[Lane, None]" = field(default_factory=OrderedDict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def room(self) -> Room:
        """How much it may take now; zero or less in either number means nothing."""
        messages, size = BATCH_MESSAGES, BATCH_BYTES
        if self.max_messages > 0:
            messages = min(messages, self.max_messages - self.outstanding)
        if self.max_bytes > 0:
            size = min(size, self.max_bytes - self.outstanding_bytes)
        return Room(messages, size)

    def lent(self, size: int) -> None:
        self.outstanding += 1
        self.outstanding_bytes += size

    def returned(self, size: int) -> None:
        self.outstanding -= 1
        self.outstanding_bytes -= size
        if self.max_messages > 0 or self.max_bytes > 0:
            self.wake.set()

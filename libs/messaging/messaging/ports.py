"""What stands between this package and a broker: messages out, deliveries in, verdicts back."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class OutgoingMessage(Struct, frozen=True):
    """A message as it goes to the broker."""

    body: bytes
    attributes: Mapping[str, str]
    ordering_key: str


class Publisher(Protocol):
    """Hands messages to a broker."""

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        """Return when the broker has stored all `messages`, which have one ordering key, in their order; `timeout` is in seconds.

        Raises Permanent when the broker will never take them as they are, Transient when trying again may help. After Transient it is
        unknown whether they were stored.
        """
        ...


class Delivery(Struct, frozen=True):
    """A message as it comes from the broker. `id` is the broker's; `attempt` counts deliveries from 1."""

    id: str
    body: bytes
    attributes: Mapping[str, str]
    ordering_key: str = ""
    attempt: int = 1
    subscription: str = ""


class Verdict(enum.Enum):
    """What the broker is told about a delivery."""

    ACK = "ack"
    RETRY = "retry"


class Processor(Protocol):
    """Takes deliveries in batches: a consumer of events, or of dead letters."""

    @property
    def halted(self) -> str:
        """Why it has stopped taking deliveries, for readiness checks; empty while it works."""
        ...

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        """A verdict for each of `deliveries`, in their order. Never raises for what is in them."""
        ...

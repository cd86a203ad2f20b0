"""A published message and one subscription's copy of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.broker.store import Segment

if TYPE_CHECKING:
    from local.broker.backlog import Lane
    from local.broker.consumer import Consumer
    from local.broker.leases import LeaseBatch


@dataclass(slots=True, eq=False)
class Message:
    """Kept in memory while any subscription waits for it.

    `data` is the serialised PubsubMessage; `field` is the same as a field of ReceivedMessage, ready to be sent;
    `waiting` counts the subscriptions that have not acknowledged it.
    """

    number: int
    key: str
    data: bytes
    field: bytes
    segment: Segment
    waiting: int = 0

    def release(self) -> None:
        """One subscription is done with it."""
        self.waiting -= 1
        if not self.waiting:
            self.segment.let_go(self.number)


@dataclass(slots=True, eq=False)
class Delivery:
    """What one subscription knows of a message.

    `ack_id` is empty while no lease is out. `acked` is set on a leased-and-acknowledged message whose predecessor with
    the same ordering key is still open: Pub/Sub lets such an acknowledgement take effect only in order.
    """

    message: Message
    lane: "Lane | None"
    attempt: int = 0
    ack_id: str = ""
    deadline: float = 0.0
    batch: "LeaseBatch | None" = None
    consumer: "Consumer | None" = None
    acked: bool = False

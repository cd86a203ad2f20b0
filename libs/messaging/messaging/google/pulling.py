"""How a subscription is pulled."""

from __future__ import annotations

from msgspec import Struct


class PullSettings(Struct, frozen=True):
    """Times are in seconds. `deadline`: how soon others get a message when this process dies; extended while a batch takes longer.

    `batch` and `batch_bytes`: a batch ends with so many messages, or with the message that makes it so large. `side_by_side`: so many
    batches are processed at once; with more than one, messages of the same ordering key may overtake each other, so that it is for
    subscriptions whose handlers come to the same end in any order.
    """

    batch: int = 1000
    side_by_side: int = 1
    batch_bytes: int = 8 * 1024 * 1024
    outstanding: int = 4000
    outstanding_bytes: int = 64 * 1024 * 1024
    deadline: int = 10
    call_timeout: float = 10.0
    longest_wait: float = 30.0
    halted_wait: float = 5.0

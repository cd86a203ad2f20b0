"""Misbehaviour on demand: what a network and a real Pub/Sub may do to deliveries, decided by a seed.

Each subscription draws from its own stream, so the n-th delivery of a subscription meets the same fate in every run
with the same seed, however subscriptions interleave. All of it stays within what at-least-once delivery allows.
"""

import random
from dataclasses import dataclass, fields
from enum import Enum


class Fate(Enum):
    """What happens to one delivery."""

    DELIVER = "deliver"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities (0 to 1) for each delivery.

    duplicate: the message arrives twice. delay: it is held back for up to `longest_delay` seconds. reorder: it changes
    places with another of its batch (messages with an ordering key keep their order unless `break_order`). drop: it is
    lost on the way and comes again after its deadline.
    """

    seed: int = 0
    duplicate: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    drop: float = 0.0
    longest_delay: float = 1.0
    break_order: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in {"duplicate", "delay", "reorder", "drop"} and not 0.0 <= value <= 1.0:
                raise ValueError(f"Fault probability {field.name}={value} is not between 0 and 1.")

    @property
    def active(self) -> bool:
        return max(self.duplicate, self.delay, self.reorder, self.drop) > 0

    def stream(self, subscription: str) -> "FaultStream":
        """The decisions for one subscription, from the start."""
        return FaultStream(self, random.Random(f"{self.seed}/{subscription}"))


@dataclass(slots=True)
class FaultStream:
    """The sequence of decisions one subscription meets."""

    faults: Faults
    rng: random.Random

    def fate(self) -> Fate:
        """Draws once per delivery; the three fates exclude each other."""
        drawn = self.rng.random()
        for fate, share in (
            (Fate.DROP, self.faults.drop),
            (Fate.DELAY, self.faults.delay),
            (Fate.DUPLICATE, self.faults.duplicate),
        ):
            if drawn < share:
                return fate
            drawn -= share
        return Fate.DELIVER

    def delay(self) -> float:
        """Seconds to hold a delayed delivery back."""
        return self.rng.random() * self.faults.longest_delay

    def swaps(self, size: int) -> list[tuple[int, int]]:
        """Pairs of positions of a batch to exchange, one after the other."""
        return [(place, self.rng.randrange(size)) for place in range(size) if self.rng.random() < self.faults.reorder]

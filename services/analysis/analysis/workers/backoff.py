"""How long work is put back for."""

from __future__ import annotations

import random

from msgspec import Struct, field

# A provider may ask for hours; asking again every ten minutes costs nothing and notices sooner.
LONGEST_WAIT = 600.0


class Backoff(Struct, frozen=True):
    """Doubling waits with full jitter; `base` in seconds."""

    base: float = 1.0
    longest: float = 60.0
    random: random.Random = field(default_factory=random.SystemRandom)

    def wait(self, attempt: int, asked_for: float | None = None) -> float:
        """Seconds to wait after attempt number `attempt` (from 1), at least what the provider asked for."""
        jittered = self.random.uniform(0, min(self.longest, self.base * 2.0 ** min(attempt, 20)))
        return min(LONGEST_WAIT, max(asked_for or 0.0, jittered))

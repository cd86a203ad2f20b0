"""Time as the broker sees it; tests pass a clock they can set."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two kinds of time: `now` for what is written down, `monotonic` for deadlines. Both in seconds."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

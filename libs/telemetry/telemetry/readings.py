"""What a metric is now, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One series: of a histogram `value` is the sum, and `count` how many there were."""

    name: str
    labels: dict[str, str]
    value: float
    count: int

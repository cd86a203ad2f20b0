"""Two ways of doing the same, measured within the same milliseconds."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Step = Callable[[], Awaitable[object]]

_RESAMPLES = 1_000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio and where it lies with 95 % confidence."""

    middle: float
    low: float
    high: float


async def seconds_of(first: Step, second: Step, flipped: bool) -> tuple[float, float]:
    """Each twice, in the order ABBA, or BAAB when `flipped`: what gets slower meanwhile hits both alike."""
    one, other = (second, first) if flipped else (first, second)
    spent_one = await _timed(one)
    spent_other = await _timed(other) + await _timed(other)
    spent_one += await _timed(one)
    return (spent_other, spent_one) if flipped else (spent_one, spent_other)


async def _timed(step: Step) -> float:
    began = time.perf_counter()
    await step()
    return time.perf_counter() - began


def interval(rounds: Sequence[Sequence[float]], rng: random.Random) -> Interval:
    """The median ratio, with the percentile bootstrap's interval: rounds are drawn again, and blocks within each."""
    medians = sorted(statistics.median(_drawn_again(rounds, rng)) for _ in range(_RESAMPLES))
    outside = int(_RESAMPLES * (1 - _CONFIDENCE) / 2)
    middle = statistics.median(ratio for one in rounds for ratio in one)
    return Interval(middle, medians[outside], medians[-1 - outside])


def _drawn_again(rounds: Sequence[Sequence[float]], rng: random.Random) -> list[float]:
    return [ratio for one in rng.choices(rounds, k=len(rounds)) for ratio in rng.choices(one, k=len(one))]

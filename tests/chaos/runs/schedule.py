"""Where the workers of a run die: every fault point once, in an order and at a time that the seed draws."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Of messages and calls; while the run goes on they are all passed again and again.
CALL_POINTS = (
    "consumer.after_effect",
    "consumer.after_commit",
    "outbox.before_commit",
    "analysis.call.claiming",
    "analysis.call.claimed",
    "analysis.call.begun",
    "analysis.call.loaded",
    "analysis.call.prepared",
    "analysis.call.asking",
    "analysis.call.answered",
    "analysis.call.storing",
    "analysis.call.finished",
    "analysis.call.inserted",
    "analysis.call.metered",
    "analysis.call.before_commit",
    "analysis.call.stored",
    "analysis.call.put_back",
)

# Of the summary: at the end of the run, once in each life.
SYNTHESIS_POINTS = (
    "analysis.synthesis.claiming",
    "analysis.synthesis.claimed",
    "analysis.synthesis.begun",
    "analysis.synthesis.answered",
    "analysis.synthesis.finished",
    "analysis.synthesis.before_commit",
)

# Behind the last commit of a run: nothing is left that could go wrong, and the run is over.
LAST_POINTS = ("analysis.synthesis.stored",)

# Where the call that comes there has no transaction open; the process stands still when no other has.
STILL_POINTS = ("analysis.call.begun", "analysis.call.prepared", "analysis.call.answered")

_EARLY = 4

# A life that dies the second time has had a dozen calls and more by then: a third, and the calls would not do for all deaths.
MOST_HITS = 2


@dataclass(frozen=True, slots=True)
class Death:
    """A life ends, or stands still, the `hits`-th time it comes to `point`."""

    point: str
    hits: int = 1
    stands_still: bool = False

    @property
    def at_last(self) -> str:
        """Where it dies if it has not come to its point by the time all calls are done."""
        return "analysis.synthesis.begun" if self.point in CALL_POINTS and not self.stands_still else ""


def deaths(seed: int) -> list[Death]:
    """One at every point; and somewhere among them a worker that stands still until others have taken over."""
    draw = random.Random(f"runs/{seed}")
    drawn = [Death(point, draw.randint(1, MOST_HITS)) for point in CALL_POINTS]
    draw.shuffle(drawn)
    # Early, for others have to go on while it is too late: calls have to be left besides those that it holds.
    still = Death(draw.choice(STILL_POINTS), draw.randint(1, MOST_HITS), stands_still=True)
    drawn.insert(draw.randint(0, _EARLY), still)
    last = [Death(point) for point in SYNTHESIS_POINTS]
    draw.shuffle(last)
    return [*drawn, *last, *(Death(point) for point in LAST_POINTS)]


# What shows each mutant (`chaos.runs.mutants`), whatever the machine's speed.
SHOWN_BY: Mapping[str, Sequence[Death]] = {
    "no fence": [Death("analysis.call.answered", hits=2, stands_still=True)],
    "meters apart": [Death("analysis.call.metered", hits=2)],
    "announces apart": [Death("analysis.call.before_commit", hits=2)],
    "asks twice": [],
}

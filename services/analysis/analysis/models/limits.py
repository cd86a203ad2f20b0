"""What keeps trouble at a provider from becoming more of it: a budget of retries for each run, and a circuit for each provider.

Both are kept in memory, by each process for itself. They hold numbers only: see docs/models.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Self

from msgspec import Struct

import core.log
from core.clock import Clock

log = core.log.logger("analysis.models")

# After gRPC's retry throttling (proposal A6), as libs/egress has it: ten retries are saved up, and ten successes earn one.
_FULL = 10.0
_EARNED_BY_SUCCESS = 0.1

# Seconds in which one more is given without a success, so that a run whose every call failed once goes on when the provider is back.
_SECONDS_FOR_ONE = 15.0

# Runs and providers whose budgets are remembered; one that is forgotten begins with a full budget.
MOST_BUDGETS = 10_000

# Failures one after the other, with no answer between, after which a provider is no longer asked.
_FAILURES_TO_OPEN = 5

# How long it is left alone: doubling from the first to the longest, in seconds.
_FIRST_REST, _LONGEST_REST = 5.0, 60.0

# Who comes while one request tries out whether the provider is back asks again after so many seconds.
_WHILE_PROBED = 2.0


class RetryBudget:
    """How many requests may be repeated."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = _FULL
        self._at = clock.monotonic()

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        self._give((self._clock.monotonic() - self._at) / _SECONDS_FOR_ONE)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def earn(self) -> None:
        """A request was answered."""
        self._give(_EARNED_BY_SUCCESS)

    @property
    def seconds_to_next(self) -> float:
        """After how long there is one again, if nothing is answered meanwhile."""
        return max(0.0, 1 - self._left) * _SECONDS_FOR_ONE

    def _give(self, retries: float) -> None:
        self._left, self._at = min(_FULL, self._left + retries), self._clock.monotonic()


class RetryBudgets:
    """A budget for each run and provider: one run's trouble uses up no other's retries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[Hashable, RetryBudget] = OrderedDict()

    def of(self, key: Hashable) -> RetryBudget:
        """The budget kept under `key`, which begins with a workspace."""
        budget = self._known.get(key) or RetryBudget(self._clock)
        self._known[key] = budget
        self._known.move_to_end(key)
        if len(self._known) > MOST_BUDGETS:
            self._known.popitem(last=False)
        return budget


class Circuit(Struct):
    """Whether one provider is asked.

    Closed: it is. Open, after failures in a row: it is not, for a while. Half open, after that: one request tries it out, and what
    becomes of that closes the circuit or opens it for longer. A request that is under way when it opens says nothing any more.
    """

    provider: str
    clock: Clock
    _failures: int = 0
    _rest: float = 0.0
    _open_until: float = 0.0
    _probe: object = None

    @property
    def closed(self) -> bool:
        """Whether everybody may ask."""
        return self._rest == 0

    def wait(self) -> float:
        """Seconds until it is worth asking; 0 where one may ask now. Takes no turn."""
        if self.closed:
            return 0.0
        left = self._open_until - self.clock.monotonic()
        if left > 0:
            return left
        return _WHILE_PROBED if self._probe is not None else 0.0

    def enter(self) -> Pass | None:
        """A turn, to be ended by saying what came of it; None where there is none now."""
        if self.wait() > 0:
            return None
        turn = Pass(self, probing=not self.closed)
        if turn.probing:
            self._probe = turn
        return turn

    def ended(self, turn: Pass, answered: bool | None) -> None:
        """What came of a turn: an answer, a failure, or None for nothing that says anything."""
        probing = self._probe is turn
        if probing:
            self._probe = None
        if answered is None or not (self.closed or probing):
            return
        if answered:
            self._close()
        else:
            self._failures += 1
            if probing or self._failures >= _FAILURES_TO_OPEN:
                self._open()

    def _open(self) -> None:
        self._rest = min(_LONGEST_REST, max(_FIRST_REST, 2 * self._rest))
        self._open_until = self.clock.monotonic() + self._rest
        log.warning("a model provider counts as away", provider=self.provider, seconds=self._rest)

    def _close(self) -> None:
        if not self.closed:
            log.info("a model provider is back", provider=self.provider)
        self._failures, self._rest = 0, 0.0


class Pass:
    """One turn at a provider. Ends once, as a context: without a word it says nothing of the provider."""

    def __init__(self, circuit: Circuit, *, probing: bool) -> None:
        self._circuit = circuit
        self.probing = probing
        self._answered: bool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._circuit.ended(self, self._answered)

    def answered(self) -> None:
        """The provider is there, whatever it said."""
        self._answered = True

    def failed(self) -> None:
        """It is busy, broken or not there."""
        self._answered = False

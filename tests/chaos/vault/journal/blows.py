"""Crashes of one attempt: at any of its awaits it is cancelled, or it fails at its end, right before the commit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Literal

# An attempt waits about so often, with room for a connection that has to be made first.
_AWAITS = 24


class Crash(Exception):
    """Stands for a fault in the middle of the work."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What strikes: `cancel` at the await of that number, counted from 1; `raise` in the block or where the outbox is written."""

    kind: Literal["none", "cancel", "raise", "raise late"]
    at: int = 0

    @classmethod
    def drawn(cls, draw: random.Random) -> Blow:
        """Half of the attempts are left alone."""
        if draw.random() < 0.5:
            return cls("none")
        if draw.random() < 0.7:
            return cls("cancel", draw.randint(1, _AWAITS))
        return cls(draw.choice(["raise", "raise late"]))

    def trap(self, point: str) -> None:
        """For core.faultpoints."""
        if self.kind == "raise late":
            raise Crash(point)


class Struck:
    """Awaits a coroutine, and cancels its task where the blow says: exactly as `Task.cancel` does, so that what it waits for is told."""

    def __init__(self, work: Coroutine[Any, Any, None], blow: Blow) -> None:
        self._work = work
        self._blow = blow

    def __await__(self) -> Generator[Any, Any, None]:
        """The coroutine's own steps."""
        steps = self._work.__await__()
        waits = 0
        answer: Any = None
        failure: BaseException | None = None
        while True:
            try:
                waited_for = steps.send(answer) if failure is None else steps.throw(failure)
            except StopIteration:
                return
            waits += 1
            if self._blow.kind == "cancel" and waits == self._blow.at:
                task = asyncio.current_task()
                assert task is not None, "coroutines run in tasks"
                task.cancel()
            answer, failure = None, None
            try:
                answer = yield waited_for
            except BaseException as error:  # noqa: BLE001 - handed on to the coroutine, whatever it is
                failure = error

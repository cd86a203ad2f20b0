"""Processes that die at a named point."""

from __future__ import annotations

from dataclasses import dataclass

from core import faultpoints


class Crash(BaseException):
    """A process dies: nothing of its own code may catch this."""


def only_crashes(death: BaseException) -> None:
    """A group of exceptions may hide a real failure among crashes."""
    if isinstance(death, BaseExceptionGroup) and (rest := death.split(Crash)[1]) is not None:
        raise rest


@dataclass(slots=True)
class Danger:
    """Arms a fault point for the length of a block."""

    point: str
    countdown: int

    def __enter__(self) -> None:
        faultpoints.arm(self._trap if self.point else None)

    def __exit__(self, *_: object) -> None:
        faultpoints.arm(None)

    def _trap(self, point: str) -> None:
        if point == self.point:
            self.countdown -= 1
            if self.countdown == 0:
                raise Crash(point)

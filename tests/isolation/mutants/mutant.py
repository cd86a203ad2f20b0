"""A mutant, the wall it is tried on, and what came of it."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


class Wall(enum.StrEnum):
    """The four walls."""

    TYPES = "types"
    CHECKER = "checker"
    DATABASE = "database"
    KEYS = "keys"


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One thing broken: at `place` (a statement, a table, a policy, a role...) of `service`, by `operator`."""

    wall: Wall
    service: str
    place: str
    operator: str

    def __str__(self) -> str:
        """A line of the list."""
        return f"{self.wall}: {self.service}: {self.place}: {self.operator}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a mutant. `harmless`: it does no harm even with no wall at all, so it is not counted."""

    survived: str = ""
    harmless: bool = False


KILLED = Outcome()
HARMLESS = Outcome(harmless=True)


async def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant, how to try it on its wall while the other three are off, and whether PostgreSQL takes it at all."""

    mutant: Mutant
    attempt: Callable[[], Awaitable[Outcome]]
    valid: Callable[[], Awaitable[bool]] = _always

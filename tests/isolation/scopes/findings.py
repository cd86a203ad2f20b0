"""What the crowd found."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field

SHOWN = 20


@dataclass(slots=True)
class Findings:
    """Counts, and in words what was wrong. `interrupted` counts interruptions by the number of awaits before them."""

    transactions: int = 0
    committed: int = 0
    stale_scopes: int = 0
    problems: list[str] = field(default_factory=list)
    interrupted: Counter[int] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    told: set[uuid.UUID] = field(default_factory=set)
    refused: set[uuid.UUID] = field(default_factory=set)

    def stale(self, what: str, count: int = 1) -> None:
        """Somebody saw or left behind what belongs to another transaction."""
        self.stale_scopes += count
        self.problem(what)

    def problem(self, what: str) -> None:
        """Keep the first few words on what went wrong; the counts have the rest."""
        if len(self.problems) < SHOWN:
            self.problems.append(what)

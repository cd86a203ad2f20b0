"""Whether what is promised on deletion was kept to, in numbers: for the trust page. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from retention.domain.promises import Judged, Standing

PROMISE = "P10"
"""The promise on deletion."""


class Kept(Struct, frozen=True, kw_only=True):
    """Requests: `completed`, `under_way`; `overdue` of those under way, `late` of those completed within the last year."""

    completed: int = 0
    under_way: int = 0
    overdue: int = 0
    late: int = 0
    last_completed_at: datetime | None = None

    @property
    def breach(self) -> str:
        """In words what was not kept; empty where everything was."""
        words = []
        if self.overdue:
            words.append(
                f"{_requests(self.overdue)} for erasure {_is(self.overdue)} not done within seven business days"
            )
        if self.late:
            words.append(f"{_requests(self.late)} of the last year {_was(self.late)} completed too late")
        return "; ".join(words)


def with_requests(judged: Judged, kept: Kept) -> Judged:
    """A promise as it stands once real requests are looked at as well: whatever was proved, a breach is a breach."""
    if judged.promise.id != PROMISE or not kept.breach:
        return judged
    return replace(judged, standing=Standing.BROKEN, reason=f"{kept.breach[0].upper()}{kept.breach[1:]}.")


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"

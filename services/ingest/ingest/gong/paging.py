"""From page to page of one list, and when to stop believing it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from core.errors import Transient
from ingest.domain.pages import Mark

# Pages of one list: at 100 a page more calls than a company records in years, and half of what Gong answers in a day.
MOST_PAGES = 5_000

# A list may grow while it is read; one that gives more than twice what it counted does not end.
_SLACK = 500

# In a row; one may be what is left when records vanish while the list is read.
_MOST_EMPTY = 3


class GongUnreadable(Transient):
    """Gong's answer is not of the shape it documents."""


class ListBroken(GongUnreadable):
    """A list cannot be gone on with: it repeats itself, does not end, or does not know its own cursor. It has to be read anew."""


class Paging:
    """Where one list stands. Raises ListBroken for a list that repeats itself or does not end."""

    def __init__(self, path: str, marks: Sequence[Mark] = ()) -> None:
        """`marks`: of the pages that have been read before."""
        self._path = path
        self._cursors: set[str] = set()
        self._records = self._empty = 0
        self.cursor: str | None = None
        self.more = True
        for mark in marks:
            self.turn(mark.cursor, mark.records, mark.total)

    def turn(self, cursor: str | None, records: int, total: int) -> None:
        """A page of `records` has been read; `total` is what Gong counts in the whole list, 0 where it does not say."""
        self.cursor = cursor or None
        self.more = self.cursor is not None
        if self.cursor is None:
            return
        if self.cursor in self._cursors:
            raise ListBroken("Gong repeats a page instead of giving the next one")
        self._cursors.add(self.cursor)
        self._records += records
        self._empty = 0 if records else self._empty + 1
        if (
            len(self._cursors) >= MOST_PAGES
            or self._empty >= _MOST_EMPTY
            or (total and self._records > 2 * total + _SLACK)
        ):
            raise ListBroken(f"Gong's list at {self._path} does not end")

    def nothing(self) -> None:
        """Gong found nothing, which is an empty list, but no end of one."""
        if self.cursor is not None:
            raise ListBroken("Gong says that nothing was found half-way through a list")


def unreadable(path: str, error: ValidationError) -> GongUnreadable:
    """Which field of which answer was wrong, without its value."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "the body"
    return GongUnreadable(f"Gong's answer to {path} cannot be read: {place} ({fault['type']})")

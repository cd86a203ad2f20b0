"""One page of Gong's list as a run has read it: what is needed to go on behind it, and the calls on it that are meant."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ingest.domain.calls import Call, CallId
from ingest.domain.choice import ChosenCall
from ingest.domain.filters import CallFilter


class Mark(Struct, frozen=True):
    """Where a list stands behind one of its pages: `cursor` leads to the next and is empty on the last.

    `records` are the calls on the page, `total` those in the list as Gong counts them, 0 where it does not say.
    """

    cursor: str
    records: int
    total: int


class RunPage(Struct, frozen=True):
    """Page `number` (from 1) of a run's list. `chosen` are meant and may be read, `private` are meant and may not.

    `erased`: how many more are meant and are erased, because of somebody who took part in them.
    """

    number: int
    mark: Mark
    chosen: Sequence[ChosenCall]
    private: Sequence[CallId]
    erased: int = 0

    def without(self, erased: frozenset[CallId]) -> RunPage:
        """The page without calls that are erased, which are counted."""
        chosen = [call for call in self.chosen if call.call_id not in erased]
        private = [call_id for call_id in self.private if call_id not in erased]
        left = len(self.chosen) + len(self.private) - len(chosen) - len(private)
        return RunPage(self.number, self.mark, chosen, private, self.erased + left)

    @property
    def call_ids(self) -> list[CallId]:
        """All calls that are meant."""
        return [*(call.call_id for call in self.chosen), *self.private]


def run_page(number: int, mark: Mark, calls: Sequence[Call], wanted: CallFilter) -> RunPage:
    """The page with those of its `calls` that `wanted` means."""
    meant = [call for call in calls if wanted.matches(call)]
    return RunPage(
        number,
        mark,
        [ChosenCall.of(call) for call in meant if not call.is_private],
        [call.call_id for call in meant if call.is_private],
    )

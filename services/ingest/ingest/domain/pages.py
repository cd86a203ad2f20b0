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
    """Page `number` (from 1) of a run's list. `chosen` are meant and may be read, `private` are meant and may not."""

    number: int
    mark: Mark
    chosen: Sequence[ChosenCall]
    private: Sequence[CallId]


def run_page(number: int, mark: Mark, calls: Sequence[Call], wanted: CallFilter) -> RunPage:
    """The page with those of its `calls` that `wanted` means."""
    meant = [call for call in calls if wanted.matches(call)]
    return RunPage(
        number,
        mark,
        [ChosenCall.of(call) for call in meant if not call.is_private],
        [call.call_id for call in meant if call.is_private],
    )

"""A grant for HubSpot is opened only where something can be asked with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace
from unit.ingest.calls import DEAL, MAYA, call

from ingest.domain.calls import Call
from ingest.workers.deals import OpenedWhenAsked

TELLS, LACKS = call(1), call(2, deal=replace(DEAL, employees=None))


@dataclass
class Opened:
    """A source that counts how often it was opened."""

    times: int = 0
    asked: list[Call] = field(default_factory=list)

    def open(self) -> Opened:
        """What the grant is for."""
        self.times += 1
        return self

    async def complete(self, calls: Sequence[Call]) -> Sequence[Call]:
        """Keeps what it was asked about."""
        self.asked += calls
        return calls

    def remarks(self) -> list[str]:
        """Something to be told apart by."""
        return ["opened"]


@pytest.mark.parametrize(
    "calls",
    [
        [],
        [TELLS],
        [replace(LACKS, is_private=True)],
        [replace(LACKS, parties=(MAYA,))],
    ],
    ids=["no call", "its record tells", "private", "nobody to look for"],
)
async def test_nothing_is_opened_without_a_question(calls: list[Call]) -> None:
    opened = Opened()
    source = OpenedWhenAsked(opened.open)
    assert await source.complete(calls) == calls
    assert source.remarks() == []
    assert (opened.times, opened.asked) == (0, [])


async def test_the_first_question_opens_it_once() -> None:
    opened = Opened()
    source = OpenedWhenAsked(opened.open)
    for page in ([TELLS], [TELLS, LACKS], [TELLS]):
        await source.complete(page)
    assert (opened.times, opened.asked) == (1, [TELLS, LACKS, TELLS])
    assert source.remarks() == ["opened"]

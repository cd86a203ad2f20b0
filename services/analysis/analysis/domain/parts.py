"""Cuts a transcript that is longer than a model's window into parts that overlap.

Parts begin and end where the speaker changes; a single turn that fills more than a part is cut between its sentences. Each part but the
first begins with the last turns of the one before, as far as they fit into the overlap: an answer is seldom parted from its question.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

# The share of a part that may repeat the one before.
_OVERLAP = 0.1


def parts(sizes: Sequence[int], turns: Sequence[int], most: int) -> list[range]:
    """The parts, each as the places of its sentences. `sizes` and `turns` say of each sentence how large it is and which turn it is in.

    Every sentence is in at least one part. The sizes of a part add up to at most `most`, unless a single sentence is larger.
    """
    found: list[range] = []
    start = 0
    while start < len(sizes):
        end = _end(sizes, turns, start, most)
        found.append(range(start, end))
        if end == len(sizes):
            break
        start = _overlapping(sizes, turns, found[-1], most)
    return found


def _end(sizes: Sequence[int], turns: Sequence[int], start: int, most: int) -> int:
    """As many whole turns from `start` on as fit; of a turn that does not fit alone, as many sentences."""
    end, total = start, 0
    for turn in _turns(turns, start):
        total += _size(sizes, turn)
        if total > most:
            break
        end = turn.stop
    return end if end > start else _within_turn(sizes, start, most)


def _within_turn(sizes: Sequence[int], start: int, most: int) -> int:
    end, total = start + 1, sizes[start]
    while end < len(sizes) and total + sizes[end] <= most:
        total += sizes[end]
        end += 1
    return end


def _overlapping(sizes: Sequence[int], turns: Sequence[int], before: range, most: int) -> int:
    """Where the next part begins: some turns before this one's end, or some sentences where that is in the middle of a turn."""
    whole = _turns(turns, before.start)
    within = turns[before.stop] == turns[before.stop - 1]
    repeated = [range(place, place + 1) for place in before] if within else [t for t in whole if t.stop <= before.stop]
    following = range(before.stop, before.stop + 1) if within else next(t for t in whole if t.start == before.stop)
    # The next part has to hold something new beside what it repeats.
    left = min(most * _OVERLAP, most - _size(sizes, following))
    begin = before.stop
    for unit in reversed(repeated):
        left -= _size(sizes, unit)
        if left < 0 or unit.start == before.start:
            break
        begin = unit.start
    return begin


def _size(sizes: Sequence[int], places: range) -> int:
    return sum(sizes[place] for place in places)


def _turns(turns: Sequence[int], start: int) -> list[range]:
    """The turns from `start` on, each as the places of its sentences."""
    found: list[range] = []
    for _, places in groupby(range(start, len(turns)), key=lambda place: turns[place]):
        stretch = list(places)
        found.append(range(stretch[0], stretch[-1] + 1))
    return found

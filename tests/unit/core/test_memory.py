"""How often a process that serves looks for cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from core.memory import collect_seldom


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_thousands_of_messages_in_memory_are_not_looked_through() -> None:
    gc.collect()
    gc.set_threshold(700, 10, 10)
    passes = [one["collections"] for one in gc.get_stats()]
    collect_seldom()
    held = [[number] for number in range(20_000)]
    assert len(held) == 20_000
    assert [one["collections"] for one in gc.get_stats()] == passes


def test_cycles_are_still_found() -> None:
    collect_seldom()
    before = gc.get_stats()[0]["collected"]
    for _ in range(200_000):
        cycle: list[object] = []
        cycle.append(cycle)
    assert gc.get_stats()[0]["collected"] > before

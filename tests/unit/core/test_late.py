"""What is loaded with its first use: once, beside the loop, and again after a failure."""

from __future__ import annotations

import threading

import pytest

from core.late import Late


async def test_it_is_loaded_once_and_not_in_the_loops_thread() -> None:
    threads: list[int] = []

    def load() -> list[int]:
        threads.append(threading.get_ident())
        return threads

    late = Late(load)
    assert threads == []
    assert await late.get() is threads
    assert await late.get() is threads
    assert len(threads) == 1
    assert threads != [threading.get_ident()]


async def test_what_could_not_be_loaded_is_tried_again() -> None:
    failures = [ImportError("not there")]

    def load() -> str:
        if failures:
            raise failures.pop()
        return "there"

    late = Late(load)
    with pytest.raises(ImportError):
        await late.get()
    assert await late.get() == "there"

"""What is large and not needed to begin: loaded in a thread with its first use, so that the loop goes on meanwhile.

client = Late(_client_class)                 # def _client_class(): from large.library import Client; return Client
made = (await client.get())(channel)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from core.memory import settle_again

T = TypeVar("T")


class Late(Generic[T]):
    """What `load` gives. It imports and makes nothing that has to be closed: called twice at once, the last one's counts."""

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._kept: tuple[T] | None = None

    async def get(self) -> T:
        """Loaded now, or before. Raises what `load` raises, and then tries again the next time."""
        if self._kept is None:
            self._kept = (await asyncio.to_thread(self._loaded),)
        return self._kept[0]

    def _loaded(self) -> T:
        found = self._load()
        settle_again()
        return found

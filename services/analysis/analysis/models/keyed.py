"""One SDK client for each key. Making one, or a copy of one with another key, takes a millisecond; a question should not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

C = TypeVar("C")

ApiKey = Callable[[], Awaitable[str]]


class KeyedClient(Generic[C]):
    """The provider's client with the key of the moment: made anew when the key is another one."""

    def __init__(self, api_key: ApiKey, make: Callable[[str], C]) -> None:
        self._api_key = api_key
        self._make = make
        self._made: tuple[str, C] | None = None

    async def of_now(self) -> C:
        """The client to ask with. Raises what reading the key raises."""
        key = await self._api_key()
        if self._made is None or self._made[0] != key:
            self._made = (key, self._make(key))
        return self._made[1]

"""Tokens of one request, and what they cost."""

from __future__ import annotations

from msgspec import Struct

_MILLION = 1_000_000


class Prices(Struct, frozen=True):
    """Micro-dollars for a million tokens. `cached`: input read from the provider's cache; `cache_write`: input written to it."""

    input: int
    cached: int
    cache_write: int
    output: int


class Tokens(Struct, frozen=True):
    """What a provider has counted. `input` is all of the input; `cached` and `cache_written` are parts of it."""

    input: int = 0
    cached: int = 0
    cache_written: int = 0
    output: int = 0

    def cost(self, prices: Prices) -> int:
        """Micro-dollars, rounded to the nearest; whole numbers all the way, so that sums are exact."""
        plain = max(0, self.input - self.cached - self.cache_written)
        parts = (
            plain * prices.input,
            self.cached * prices.cached,
            self.cache_written * prices.cache_write,
            self.output * prices.output,
        )
        return (sum(parts) + _MILLION // 2) // _MILLION

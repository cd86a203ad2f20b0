"""Numeric ids like Gong's: strings of 18 to 20 digits, the same for the same input on every machine."""

from __future__ import annotations

import hashlib

SHORTEST = 18
LONGEST = 20
"""Gong's ids have up to 20 digits, more than a signed 64-bit integer holds: a consumer must treat them as text."""


def numeric_id(kind: str, *parts: str) -> str:
    """A stable id for the thing named by ``parts``; things of another ``kind`` never share its ids."""
    digest = hashlib.sha256("\x1f".join((kind, *parts)).encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    width = SHORTEST + digest[16] % (LONGEST - SHORTEST + 1)
    smallest = 10 ** (width - 1)
    return str(smallest + number % (9 * smallest))

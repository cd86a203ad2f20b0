"""Gong's pages: a cursor that only fits the request it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from local.sandbox.faults import PagingFault

Record = TypeVar("Record")


class CursorError(Exception):
    """The cursor was not made for this request: repeat the first request without one."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Record]):
    """One page, and the ``records`` block that goes with it."""

    items: tuple[Record, ...]
    records: dict[str, object]


def cut_page(
    found: Sequence[Record], inputs: str, cursor: str | None, size: int, fault: PagingFault | None = None
) -> Page[Record]:
    """The page ``cursor`` points at, the first one without.

    ``inputs`` stands for all other inputs of the request: Gong wants them unchanged from page to page. Raises
    :class:`CursorError` for a cursor of another request.
    """
    fingerprint = hashlib.sha256(inputs.encode()).hexdigest()[:16]
    start, lap = _place(cursor, fingerprint) if cursor else (0, 0)
    if start >= len(found) and start:
        raise CursorError("the cursor points behind the last record")
    follows = start + size
    if fault is PagingFault.AGAIN:
        start, follows, lap = max(0, start - size), start, lap + 1
    elif fault is PagingFault.ENDLESS:
        follows, lap = follows if follows < len(found) else 0, lap + 1
    items = tuple(found[start : start + size])
    records: dict[str, object] = {
        "totalRecords": len(found),
        "currentPageSize": len(items),
        "currentPageNumber": start // size,
    }
    if follows < len(found):
        records["cursor"] = base64.urlsafe_b64encode(f"{fingerprint}:{follows}:{lap}".encode()).decode()
    return Page(items, records)


def _place(cursor: str, fingerprint: str) -> tuple[int, int]:
    """Where the page begins, and how often a fault has led astray before it."""
    try:
        made_for, offset, lap = base64.urlsafe_b64decode(cursor.encode()).decode().split(":")
        start, laps = int(offset), int(lap)
    except (binascii.Error, ValueError) as error:
        raise CursorError("the cursor is not one of ours") from error
    if made_for != fingerprint or start < 0:
        raise CursorError("the cursor belongs to a request with other inputs")
    return start, laps

"""Gong's pages: a cursor that only fits the request it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Record = TypeVar("Record")


class CursorError(Exception):
    """The cursor was not made for this request: repeat the first request without one."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Record]):
    """One page, and the ``records`` block that goes with it."""

    items: tuple[Record, ...]
    records: dict[str, object]


def cut_page(found: Sequence[Record], inputs: str, cursor: str | None, size: int) -> Page[Record]:
    """The page ``cursor`` points at, the first one without.

    ``inputs`` stands for all other inputs of the request: Gong wants them unchanged from page to page. Raises
    :class:`CursorError` for a cursor of another request.
    """
    fingerprint = hashlib.sha256(inputs.encode()).hexdigest()[:16]
    start = _offset(cursor, fingerprint) if cursor else 0
    if start >= len(found) and start:
        raise CursorError("the cursor points behind the last record")
    items = tuple(found[start : start + size])
    records: dict[str, object] = {
        "totalRecords": len(found),
        "currentPageSize": len(items),
        "currentPageNumber": start // size,
    }
    if start + size < len(found):
        records["cursor"] = base64.urlsafe_b64encode(f"{fingerprint}:{start + size}".encode()).decode()
    return Page(items, records)


def _offset(cursor: str, fingerprint: str) -> int:
    try:
        made_for, _, offset = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        start = int(offset)
    except (binascii.Error, ValueError) as error:
        raise CursorError("the cursor is not one of ours") from error
    if made_for != fingerprint or start < 0:
        raise CursorError("the cursor belongs to a request with other inputs")
    return start

"""Ids in paths."""

from __future__ import annotations

import uuid

from core.errors import InvalidInput, NotFound
from core.ids import parse_uuid


def id_in_path(text: str, what: str) -> uuid.UUID:
    """The id of a `what`. A malformed one names nothing: NotFound, in the words used for any that does not exist."""
    try:
        return parse_uuid(text)
    except InvalidInput as error:
        raise NotFound(f"there is no such {what} in this workspace") from error


# More than anybody counts to, and an integer of the database.
_LARGEST_NUMBER = 2**31 - 1


def number_in_path(text: str, what: str) -> int:
    """The number of a `what`, from 1. A malformed one names nothing: NotFound, in the words used for any that does not exist."""
    if text.isascii() and text.isdigit() and len(text) <= 10 and text[0] != "0" and int(text) <= _LARGEST_NUMBER:
        return int(text)
    raise NotFound(f"there is no such {what} in this workspace")

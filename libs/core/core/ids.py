"""Identifiers: workspaces, people, and time-ordered UUIDs."""

from __future__ import annotations

import functools
import os
import re
import threading
import time
import uuid
from typing import NewType

from core.errors import InvalidInput

WorkspaceId = NewType("WorkspaceId", str)
"""A Clerk organisation id, for example `org_2NNEqL2nrIRdJ194ndJqAHwEfxC`: a workspace *is* an organisation."""

UserId = NewType("UserId", str)
"""A Clerk user id, for example `user_2NNEqL2nrIRdJ194ndJqAHwEfxC`."""

# Clerk's ids are a prefix, an underscore and base-62 text; the bound keeps object names and keys short.
_WORKSPACE = re.compile(r"org_[A-Za-z0-9]{1,60}")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,70}")

# As trackers write them: a project and a number.
_TICKET = re.compile(r"[A-Z][A-Z0-9]{1,9}-[0-9]{1,9}")

# Each message names its workspace several times; so many workspaces are at work at once.
_IDS_KEPT = 4096


@functools.lru_cache(_IDS_KEPT)
def parse_workspace_id(text: str) -> WorkspaceId:
    """Return `text` as a workspace id, or raise InvalidInput. What passes is safe inside object names and settings."""
    if not _WORKSPACE.fullmatch(text):
        raise InvalidInput("workspace_id is missing or malformed: expected a Clerk organisation id such as org_2NNEqL2")
    return WorkspaceId(text)


def points_elsewhere(text: str, workspace_id: WorkspaceId) -> bool:
    """Whether `text` is the id of another workspace, or of something of it (`org_…:gong`). Other texts point nowhere."""
    return text.startswith("org_") and text.partition(":")[0] != workspace_id


def parse_user_id(text: str) -> UserId:
    """Return `text` as a user id, or raise InvalidInput."""
    if not _USER.fullmatch(text):
        raise InvalidInput("user id is missing or malformed: expected a Clerk user id such as user_2NNEqL2")
    return UserId(text)


def parse_uuid(text: str, what: str = "id") -> uuid.UUID:
    """Return `text` as a UUID, or raise InvalidInput naming `what`."""
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidInput(f"{what} is not a UUID") from error


def parse_ticket(text: str) -> str:
    """Return `text` as a ticket's number, or raise InvalidInput: words in it could be somebody's."""
    if not _TICKET.fullmatch(text):
        raise InvalidInput("The ticket is no number such as SUP-412.")
    return text


_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """A new UUID version 7 (RFC 9562, 5.7): ordered by time, and strictly rising within this process.

    The 12 bits of `rand_a` continue the millisecond (RFC 9562, 6.2, method 3), so that ids made in one millisecond
    keep their order.
    """
    global _last  # noqa: PLW0603 - the one counter that makes ids rise strictly within the process
    with _lock:
        ticks = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = ticks
    milliseconds, fraction = divmod(ticks, 4096)
    tail = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail)

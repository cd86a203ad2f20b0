"""Addresses under which a file is handed out: good for some minutes, and for one person in one workspace.

A link alone opens nothing: it is followed with the session of the person it was made for. What it adds is that it ends, and that it cannot
be guessed or altered. It is not kept: the signature says all.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from msgspec import Struct

from analysis.domain.export import GOOD_FOR
from core.errors import NotFound
from core.ids import UserId, WorkspaceId

_SHORTEST_KEY = 32
_PURPOSE = b"callmine export link 1"


class Handout(Struct, frozen=True):
    """What a link is for: one export of one report, by number."""

    workspace_id: WorkspaceId
    user_id: UserId
    report_id: str
    number: int


class Links:
    """Signs links, and checks them. `keys`: the first signs, all of them are accepted, so that one can be replaced."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) < _SHORTEST_KEY for key in keys):
            raise ValueError(f"a link key has at least {_SHORTEST_KEY} characters")
        self._keys = keys

    @classmethod
    def parse(cls, text: str) -> Links:
        """The keys of a secret, one a line. Raises ValueError."""
        return cls(tuple(line.strip().encode() for line in text.splitlines() if line.strip()))

    def address(self, handout: Handout, ends_at: datetime) -> str:
        """The path to the file, good until `ends_at`."""
        ends = int(ends_at.timestamp())
        signature = _signature(self._keys[0], handout, ends)
        return f"/reports/{handout.report_id}/exports/{handout.number}/file?ends={ends}&signature={signature}"

    def check(self, handout: Handout, ends: str, signature: str, now: datetime) -> None:
        """Raise NotFound unless the link is for `handout` and has not ended. Which of the two is told to nobody but its own person."""
        number = int(ends) if ends.isascii() and ends.isdigit() and len(ends) <= 12 else 0
        # Each comparison takes the same time, whatever was guessed right.
        known = (_signature(key, handout, number) for key in self._keys)
        if not any(hmac.compare_digest(each.encode(), signature.encode()) for each in known):
            raise NotFound("there is no such file in this workspace")
        if now >= datetime.fromtimestamp(number, UTC):
            raise LinkEnded


class LinkEnded(NotFound):
    """A link whose time is over."""

    title = "This link has ended"

    def __init__(self) -> None:
        super().__init__(f"a link to a file is good for {GOOD_FOR.seconds // 60} minutes; export the report again")


def _signature(key: bytes, handout: Handout, ends: int) -> str:
    parts = (handout.workspace_id, handout.user_id, handout.report_id, str(handout.number), str(ends))
    # Each with its length, so that no two lists of parts are the same bytes.
    body = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.new(key, _PURPOSE + body, hashlib.sha256).hexdigest()

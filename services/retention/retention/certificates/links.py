"""The link to a request: who has it sees how far it is, and fetches the certificate at the end, without signing in.

When a workspace is gone nobody can sign in to it. The link is shown to its admins while they can, and is not kept: the signature says all.
It ends, it cannot be guessed or altered, and what it leads to names no person.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import UTC, datetime

from msgspec import Struct

from cloud.secrets import Secrets
from core.errors import NotFound
from core.ids import WorkspaceId
from core.log import logger
from retention.certificates.signing import NotSetUp

SECRET = "erasure-link-key"  # noqa: S105 - the name of the secret, not the secret
PATH = "/erasures"

_SHORTEST_KEY = 32
_PURPOSE = b"callmine erasure link 1"
_LONGEST_NUMBER = 12

log = logger("retention.certificates")


class LinkEnded(NotFound):
    """A link whose time is over."""

    title = "This link has ended"


class Links(Struct, frozen=True):
    """Signs links, and checks them. Of the keys in the secret, one a line, the first signs, and all are accepted."""

    secrets: Secrets

    async def address(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID, ends_at: datetime) -> str:
        """The path to a request, good until `ends_at`. Raises NotSetUp, Permanent, Transient."""
        ends = int(ends_at.timestamp())
        key = (await self._keys())[0]
        return f"{PATH}/{workspace_id}/{erasure_id}?ends={ends}&signature={_signature(key, workspace_id, erasure_id, ends)}"

    async def check(
        self, workspace_id: WorkspaceId, erasure_id: uuid.UUID, ends: str, signature: str, now: datetime
    ) -> None:
        """Raise NotFound unless the link is for this request and has not ended. Raises NotSetUp, Permanent, Transient."""
        number = int(ends) if ends.isascii() and ends.isdigit() and len(ends) <= _LONGEST_NUMBER else 0
        # Each comparison takes the same time, whatever was guessed right.
        known = [_signature(key, workspace_id, erasure_id, number) for key in await self._keys()]
        if not any(hmac.compare_digest(each.encode(), signature.encode()) for each in known):
            raise NotFound("There is no such request. Use the whole link, as it was shown.")
        if now >= datetime.fromtimestamp(number, UTC):
            raise LinkEnded(
                "Write to hello@callmine.ai with the workspace's id: we hold the certificate, and send it again."
            )

    async def _keys(self) -> list[bytes]:
        try:
            text = (await self.secrets.read(SECRET)).decode()
        except NotFound:
            text = ""
        keys = [line.strip().encode() for line in text.splitlines() if line.strip()]
        if not keys or any(len(key) < _SHORTEST_KEY for key in keys):
            log.error(
                "the secret with the keys of links does not exist, or holds one that is too short", missing=SECRET
            )
            raise NotSetUp("Links to requests are not set up here. Our team has to look at it.", retry_after=300)
        return keys


def _signature(key: bytes, workspace_id: WorkspaceId, erasure_id: uuid.UUID, ends: int) -> str:
    parts = (workspace_id, str(erasure_id), str(ends))
    # Each with its length, so that no two lists of parts are the same bytes.
    body = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.new(key, _PURPOSE + body, hashlib.sha256).hexdigest()

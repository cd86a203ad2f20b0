"""Which requests were made, as `web.idempotency` asks whoever keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from core.ids import WorkspaceId


class Kept(Struct, frozen=True):
    """An answer that was given."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Known(Struct, frozen=True):
    """A request that was claimed before, with its answer if there is one."""

    request: bytes
    answer: Kept | None


class Claim(Struct, frozen=True):
    """A request that is ours to carry out."""

    workspace_id: WorkspaceId
    id: bytes
    fence: int


class Requests(Protocol):
    """Knows which requests were made."""

    async def claim(self, workspace_id: WorkspaceId, request_id: bytes, request: bytes) -> Claim | Known:
        """Claim a request, or what is known of it. Raises Transient."""
        ...

    async def keep(self, claim: Claim, answer: Kept) -> None:
        """Keep the answer, unless somebody else has taken the claim over. Raises Transient."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give a claim back that led to nothing. Raises Transient."""
        ...

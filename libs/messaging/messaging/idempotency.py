"""Requests that are carried out once: claimed, answered, given back, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from database import Row, Tx

# How long an answer is given again, in docs/api.md as a promise.
KEPT_SECONDS = 24 * 3600.0

# How long a request may be under way; longer than any takes, so that only one whose process has died is taken over.
CLAIM_SECONDS = 60.0


async def claim_request(tx: Tx, request_id: bytes, request: bytes) -> int | None:
    """The fence of a new claim; None where the request is somebody else's, or answered."""
    fence = await tx.fetch_value(
        "request_claim", id=request_id, request=request, claim_seconds=CLAIM_SECONDS, kept_seconds=KEPT_SECONDS
    )
    return cast("int | None", fence)


async def read_request(tx: Tx, request_id: bytes) -> Row | None:
    """What is known of a request."""
    return await tx.fetch_one("request_read", id=request_id)


async def keep_answer(
    tx: Tx, request_id: bytes, fence: int, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Keep the answer, unless somebody else has taken the claim over."""
    await tx.execute("request_answered", id=request_id, fence=fence, status=status, headers=dict(headers), body=body)


async def release_request(tx: Tx, request_id: bytes, fence: int) -> None:
    """Give a claim back that led to nothing."""
    await tx.execute("request_release", id=request_id, fence=fence)


async def purge_requests(tx: Tx, requests: int) -> int:
    """Forget at most so many requests whose answers are too old to be asked for; how many."""
    return await tx.execute("requests_purge", kept_seconds=KEPT_SECONDS, requests=requests)

"""A webhook as it came in: nothing of it is believed yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from ingest.webhooks.refusal import TooLarge

# Stripe's and Slack's are a few KB, a full batch of HubSpot's some 50 KB, the record of a long call of Gong's some 100 KB.
LARGEST_BODY = 512 * 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """Headers (looked up in any case), the raw body, the query as it was sent, and when it came. The repr shows no content."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    now: datetime
    query: str = field(default="", repr=False)


async def arrived(request: Request, now: datetime) -> Arrival:
    """The webhook in `request`, of whatever content type. Raises TooLarge, as soon as that is known."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        raise TooLarge
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise TooLarge
    query = request.scope["query_string"].decode("latin-1")
    return Arrival(request.headers, bytes(body), now, query)

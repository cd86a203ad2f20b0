"""Posting a message to the customer's own endpoint: the one way out is `egress`, for this one request to this one host."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from audit.streaming.stream import Attempt
from egress import Destination, Egress, EgressError

# The recipient in the register.
RECIPIENT: Final = "siem"

# Standard Webhooks advises 15 to 30 seconds. Whoever needs longer takes the message first and works on it afterwards.
SECONDS: Final = 15.0

# An answer's body is read to its end, so that the connection can be used again, and thrown away.
_LARGEST_ANSWER: Final = 64 * 1024

_LONGEST_REASON: Final = 200


class Post(Protocol):
    """Sends one message."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send it once, and say how that ended. Raises nothing but what is no answer of the endpoint's."""
        ...


class EgressPost(Struct, frozen=True):
    """Through `egress`: https only, public addresses only, no redirects, bounded in time and size."""

    egress: Egress
    seconds: float = SECONDS

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send it once: what is repeated, and when, is for the stream to say."""
        began = time.monotonic()
        try:
            response = await self.egress.request(
                _destination(url),
                "POST",
                url,
                headers=headers,
                content=body,
                timeout=self.seconds,
                idempotent=False,
            )
        except EgressError as error:
            asked = getattr(error, "retry_after", None)
            return Attempt(False, error.provider_status, _words(error), _since(began), asked)
        return Attempt(True, response.status_code, "", _since(began))


def _destination(url: str) -> Destination:
    parts = urlsplit(url)
    return Destination(name=RECIPIENT, base_url=f"https://{parts.netloc}", largest_response=_LARGEST_ANSWER)


def sandboxes(url: str) -> list[Destination]:
    """The places that are named in the settings: customers name the hosts, so that it is a sandbox on this machine, or nothing."""
    return [Destination(name=RECIPIENT, base_url=url)] if url else []


def _words(error: EgressError) -> str:
    """Ours, with the status and the kind of failure; `egress` puts no address, header or body into its messages."""
    return f"The endpoint{str(error).removeprefix(RECIPIENT)}"[:_LONGEST_REASON]


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

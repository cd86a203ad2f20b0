"""Standard Webhooks' symmetric signatures (https://www.standardwebhooks.com): HMAC-SHA-256 over id, time and body. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hmac import digest
from typing import Final

PREFIX: Final = "whsec_"


def headers(secrets: Sequence[str], message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of a message sent at `seconds` since 1970; one signature for each secret. Raises ValueError for what is no secret."""
    signed = b"%s.%d.%s" % (message_id.encode(), seconds, body)
    signatures = [f"v1,{base64.b64encode(digest(_key(one), signed, 'sha256')).decode()}" for one in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
    }


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise ValueError("a signing secret begins with whsec_")
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)

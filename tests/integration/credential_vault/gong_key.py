"""What the vault's tests send and look for."""

from __future__ import annotations

import base64
from urllib.parse import quote

import httpx

from contracts.sealing import SealingKey
from testkit.outside import GONG_PAIRS

INGEST_KEY, ANALYSIS_KEY = SealingKey.generate(), SealingKey.generate()

KEY, SECRET = GONG_PAIRS["harborline"]

PAGE = "/settings/integrations"
API = "/api/v1/integrations"


def form(access_key: str = KEY, secret: str = SECRET, base_url: str = "") -> dict[str, str]:
    """The form of the page, filled in."""
    return {"access_key": access_key, "secret": secret, "base_url": base_url}


async def connect(client: httpx.AsyncClient, access_key: str = KEY, secret: str = SECRET) -> dict[str, object]:
    """Connect Gong by the API; it must work."""
    answer = await client.post(f"{API}/gong", json=form(access_key, secret))
    assert answer.status_code == 201, answer.text
    body: dict[str, object] = answer.json()
    return body


def in_clear(raw: bytes) -> list[str]:
    """Which half of the pair is in `raw`, plainly or in a common encoding; empty when neither is."""
    basic = base64.b64encode(f"{KEY}:{SECRET}".encode())
    found = ["basic"] if basic in raw else []
    for name, text in (("key", KEY), ("secret", SECRET)):
        clear = text.encode()
        encodings = (clear, base64.b64encode(clear).rstrip(b"="), clear.hex().encode(), quote(text).encode())
        found += [name] if any(encoding in raw for encoding in encodings) else []
    return found

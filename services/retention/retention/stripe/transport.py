"""Stripe's own client, sending through `egress` and nothing else. Loaded with the first request to Stripe, or before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe

from egress import Egress
from retention.stripe.place import NAME

# Answers that Stripe's client makes sense of. A 429 and a 5xx are egress' business: it knows how often a request may be repeated.
_FOR_THE_CLIENT = frozenset(range(400, 500)) - {429}

# What a request says beside its content. The rest tells of this machine.
_SENT = frozenset({"authorization", "content-type", "idempotency-key", "stripe-version"})

_NO_KEY = "read-when-asked"

# Measurements of one request would be sent with the next one.
stripe.enable_telemetry = False


class ThroughEgress(stripe.HTTPClient):
    """What Stripe's client sends with: TLS to the one host of the register, bounded, repeated where that is safe.

    Each POST has an idempotency key, so that repeating it is as harmless as repeating a GET. Raises an EgressError for what is no answer of
    Stripe's, or none that a caller could do anything about.
    """

    name = "egress"

    def __init__(self, egress: Egress, timeout: float) -> None:
        super().__init__()
        self._egress = egress
        self._timeout = timeout

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; the answer's body, status and headers."""
        named = {name.lower(): value for name, value in headers.items()}
        repeatable = method.upper() in {"GET", "DELETE"} or "idempotency-key" in named
        response = await self._egress.request(
            NAME,
            method.upper(),
            url,
            headers={name: value for name, value in named.items() if name in _SENT},
            content=post_data.encode() if isinstance(post_data, str) else post_data,
            timeout=self._timeout,
            idempotent=repeatable,
            accept=_FOR_THE_CLIENT,
        )
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Nothing: the connections are egress' own."""


def opened(egress: Egress, base_url: str, timeout: float, version: str) -> stripe.StripeClient:
    """Stripe's client, for one version of its API; each request brings the key of the moment."""
    return stripe.StripeClient(
        _NO_KEY,
        stripe_version=version,
        base_addresses={"api": base_url},
        max_network_retries=0,
        http_client=ThroughEgress(egress, timeout),
    )

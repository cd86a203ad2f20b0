"""Stripe's own client, sending through `egress` and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe

from egress import Destination, Egress

NAME = "stripe"

# Answers that Stripe's client makes sense of. A 429 and a 5xx are egress' business: it knows how often a request may be repeated.
_FOR_THE_CLIENT = frozenset(range(400, 500)) - {429}

# What a request says beside its content. The rest tells of this machine.
_SENT = frozenset({"authorization", "content-type", "idempotency-key", "stripe-version"})

# Of what is read at once a customer with a hundred subscriptions is the largest, about 1 MB.
_LARGEST = 8 * 1024 * 1024

# Measurements of one request would be sent with the next one.
stripe.enable_telemetry = False


def destination(base_url: str) -> Destination:
    """Where Stripe's API is."""
    return Destination(name=NAME, base_url=base_url, largest_response=_LARGEST)


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

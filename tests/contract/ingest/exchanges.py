"""What goes out to a provider and what comes back, as it was on the wire."""

from __future__ import annotations

import httpx

from contract.sandbox.specs import Exchange
from egress import Destination, Egress


class ExchangingEgress(Egress):
    """Notes every exchange with the provider at `base`, a path of the sandbox."""

    base: str
    exchanges: list[Exchange]

    async def request(
        self, destination: str | Destination, method: str, path_or_url: str, **parts: object
    ) -> httpx.Response:
        """As the real one, which it uses."""
        response = await super().request(destination, method, path_or_url, **parts)  # type: ignore[arg-type]
        self.exchanges.append(Exchange.of(response, self.base))
        return response

"""The one way out of Callmine to other companies' servers.

    gong = Destination(name="gong", hosts=("*.gong.io",), base_url="https://api.gong.io")
    async with Egress([gong]) as egress:
        response = await egress.request("gong", "GET", "/v2/users", auth=(key, secret), timeout=20)

HTTPS only, to listed hosts only, redirects not followed, bounded in time, size and retries; one log line a request that
holds no path, query or body. Not for: Google's own clients (`cloud`, `messaging.google`) and what a provider's answer means.
"""

from httpx import Response

from egress.client import Egress
from egress.destination import Destination, Destinations, Register
from egress.errors import (
    DestinationRefused,
    EgressError,
    ProviderRejected,
    ProviderUnavailable,
    RedirectRefused,
    ResponseTooLarge,
    TooManyRequests,
)
from egress.metrics import Counters
from egress.tls import tls_context

__all__ = [
    "Counters",
    "Destination",
    "DestinationRefused",
    "Destinations",
    "Egress",
    "EgressError",
    "ProviderRejected",
    "ProviderUnavailable",
    "RedirectRefused",
    "Register",
    "Response",
    "ResponseTooLarge",
    "TooManyRequests",
    "tls_context",
]

"""The one way out of Callmine to other companies' servers.

    gong = Destination(name="gong", hosts=("*.gong.io",), base_url="https://api.gong.io")
    async with Egress([gong]) as egress:
        response = await egress.request("gong", "GET", "/v2/users", auth=(key, secret), timeout=20)

HTTPS only, to hosts of the register only (`egress.register`), at public addresses only, redirects not followed, bounded in
time, size and retries; one log line a request that holds no path, query or body. docs/egress.md says what is refused.
Not for: Google's own clients (`cloud`, `messaging.google`) and what a provider's answer means.
"""

from typing import TYPE_CHECKING

from egress.client import Egress, load_http
from egress.destination import Destination, Destinations
from egress.errors import (
    DestinationRefused,
    EgressError,
    NotInRegister,
    ProviderRejected,
    ProviderUnavailable,
    RedirectRefused,
    ResponseTooLarge,
    TooManyRequests,
)
from egress.metrics import Counters
from egress.register import REGISTER, Kind, Recipient, Register
from egress.tls import tls_context

if TYPE_CHECKING:
    from httpx import Response

__all__ = [
    "REGISTER",
    "Counters",
    "Destination",
    "DestinationRefused",
    "Destinations",
    "Egress",
    "EgressError",
    "Kind",
    "NotInRegister",
    "ProviderRejected",
    "ProviderUnavailable",
    "Recipient",
    "RedirectRefused",
    "Register",
    "Response",
    "ResponseTooLarge",
    "TooManyRequests",
    "load_http",
    "tls_context",
]

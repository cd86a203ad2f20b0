"""What can go wrong on the way out.

    EgressError
    ├── DestinationRefused    (Permanent)  the address is not one this destination may use; nothing was sent
    ├── NotInRegister         (Permanent)  a destination whose hosts are not in the register: the service does not start
    ├── RedirectRefused       (Permanent)  the provider answered with a redirect, which is never followed
    ├── ResponseTooLarge      (Permanent)  the answer is longer than the destination's limit
    ├── ProviderRejected      (Permanent)  a 4xx; the provider's own words are in `body`
    ├── ProviderUnavailable   (Transient)  no connection, a time-out, or a 5xx
    └── TooManyRequests       (Transient)  a 429; `retry_after` in seconds where the provider said so

`provider_status` is what the provider answered, 0 where there was no answer. The messages name the provider and that
status, never an address, a header or a body.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from core.errors import CallmineError, Permanent, Transient


class EgressError(CallmineError):
    """Root of this tree."""

    status = 502
    problem = "provider"
    title = "Another company's server did not do what was asked"
    provider: str = ""
    provider_status: int = 0


class DestinationRefused(EgressError, Permanent):
    """The address is not one this destination may use. Nothing was sent."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: the address was refused before anything was sent: {reason}")
        self.provider = provider


class NotInRegister(EgressError, Permanent):
    """A destination's hosts are not in the register, or not yet in effect. The service does not start with it."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: not in the register of where data may go: {reason}")
        self.provider = provider


class RedirectRefused(EgressError, Permanent):
    """The provider answered with a redirect."""

    def __init__(self, provider: str, provider_status: int) -> None:
        super().__init__(f"{provider} answered {provider_status}, a redirect; redirects are not followed")
        self.provider, self.provider_status = provider, provider_status


class ResponseTooLarge(EgressError, Permanent):
    """The provider's answer is longer than the destination's limit."""

    def __init__(self, provider: str, limit: int) -> None:
        super().__init__(f"{provider} sent more than {limit} bytes; ask for a smaller page")
        self.provider = provider


class ProviderRejected(EgressError, Permanent):
    """The provider answered 4xx. `body` may quote what was sent: show it to the person who sent it, never log it."""

    def __init__(self, provider: str, provider_status: int, body: bytes = b"") -> None:
        super().__init__(f"{provider} answered {provider_status} {_phrase(provider_status)}".rstrip())
        self.provider, self.provider_status, self.body = provider, provider_status, body

    def json(self) -> object:
        """The body as JSON, or None where it is not JSON."""
        try:
            decoded: object = json.loads(self.body)
        except ValueError:
            return None
        return decoded


class ProviderUnavailable(EgressError, Transient):
    """No connection, a time-out, or a 5xx. `never_sent` where no byte of the request can have reached the provider."""

    status = 503
    never_sent: bool = False

    def __init__(self, provider: str, reason: str, provider_status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(f"{provider} is not available: {reason}", retry_after)
        self.provider, self.provider_status = provider, provider_status


class TooManyRequests(EgressError, Transient):
    """The provider asks for fewer requests; `retry_after` may be hours when a daily quota is spent."""

    status = 503

    def __init__(self, provider: str, retry_after: float | None = None) -> None:
        when = "it did not say for how long" if retry_after is None else f"for {retry_after:.0f} s"
        super().__init__(f"{provider} asks to wait: {when}", retry_after)
        self.provider, self.provider_status = provider, 429


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

"""What the vault asks of a provider's OAuth server, and the three ways in which it can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from core.errors import InvalidInput, Transient
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens

Guard = Callable[[], None]
"""Called right before the request is written; raises NotSpent when it is too late to send it."""


class NotSpent(Transient):
    """The provider certainly has not used the code or token: nothing reached it, or it said that it did nothing."""

    problem = "provider-away"


class Refused(InvalidInput):
    """The provider says that the code or token is no good, in words fit for a page."""

    problem = "provider-refused"


class Unknown(Transient):
    """No answer that tells whether the code or token was used: it broke off, or the answer is none of the protocol's."""

    problem = "provider-unclear"


class Unusable(Unknown):
    """Tokens came, in an answer that is wrong otherwise: they are not stored, and have to be ended."""

    def __init__(self, message: str, tokens: Tokens) -> None:
        super().__init__(message)
        self.tokens = tokens


class RefreshingProvider(Protocol):
    """What renewing a credential needs of a provider. Both methods call it and hold no transaction meanwhile."""

    @property
    def provider(self) -> Provider:
        """Whose it is."""
        ...

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        """One call, never repeated: the tokens that take the place of `refresh_token`. Raises NotSpent, Refused, Unknown."""
        ...

    async def is_active(self, refresh_token: str) -> bool | None:
        """Whether the token could still be used, without using it; None where the provider does not say. Raises Unknown."""
        ...


class OAuthProvider(RefreshingProvider, Protocol):
    """One provider's OAuth server. Every method but `authorize_url` calls it and holds no transaction meanwhile."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for, and needed."""
        ...

    @property
    def pkce(self) -> bool:
        """Whether the provider checks a code challenge."""
        ...

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        """Where the person is sent to agree. `challenge` is the S256 code challenge of RFC 7636, unused without PKCE."""
        ...

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The tokens for a code. Raises NotSpent, Refused, Unknown."""
        ...

    async def verify(self, access_token: str, base_url: str) -> Account:
        """Who the token speaks for. Raises Refused when the provider does not accept it, Unknown when it does not answer."""
        ...

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        """True once the provider has ended the tokens, False where it has no way to. Raises Unknown when it does not answer."""
        ...

"""The applications registered with a provider, and how they show who they are."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from local.sandbox.settings import OAuthClient


class ClientRefused(Exception):
    """No registered application; ``known`` tells whether the id was right and the secret wrong."""

    def __init__(self, *, known: bool) -> None:
        super().__init__("client secret does not fit" if known else "no such client")
        self.known = known


@dataclass(frozen=True, slots=True)
class Clients:
    """One provider's registered applications."""

    registered: Sequence[OAuthClient]

    def find(self, client_id: str) -> OAuthClient | None:
        """The application of that id."""
        return next((client for client in self.registered if client.client_id == client_id), None)

    def by_basic(self, request: Request) -> OAuthClient:
        """The application named by an ``Authorization: Basic`` header. Raises ClientRefused."""
        client_id, secret = basic_pair(request.headers.get("authorization", "")) or ("", "")
        return self._checked(client_id, secret)

    def by_form(self, form: Mapping[str, str]) -> OAuthClient:
        """The application named by ``client_id`` and ``client_secret``. Raises ClientRefused."""
        return self._checked(form.get("client_id", ""), form.get("client_secret", ""))

    def _checked(self, client_id: str, secret: str) -> OAuthClient:
        client = self.find(client_id)
        if client is None:
            raise ClientRefused(known=False)
        if not hmac.compare_digest(client.client_secret.get_secret_value().encode(), secret.encode()):
            raise ClientRefused(known=True)
        return client


def basic_pair(header: str) -> tuple[str, str] | None:
    """The two halves of a Basic header; ``None`` for any other."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (name, secret) if colon else None


def bearer_token(header: str) -> str | None:
    """The token of a Bearer header; ``None`` for any other."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None

"""The request that a browser brings to the consent page, checked before anything is shown or led back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from local.sandbox.oauth.clients import Clients

LONGEST = 2_000
"""Characters of any one parameter."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Style:
    """What differs between vendors: how scopes are written, and whether ``response_type`` has to be said."""

    separator: str
    scope: re.Pattern[str]
    response_type_required: bool = False


class Unsafe(Exception):
    """The request names no registered client and address: nobody is led anywhere, the page says why."""


class SentBack(Exception):
    """The request is at fault, and the client is told so at its own address. ``code`` is one of RFC 6749, 4.1.2.1."""

    def __init__(self, location: str, code: str) -> None:
        super().__init__(code)
        self.location = location
        self.code = code


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sound request. ``challenge`` is the S256 code challenge where one was sent."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None

    @property
    def origin(self) -> str:
        """Where the browser goes afterwards, without the path."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"

    def led_back(self, **answer: str) -> str:
        """The client's address with the answer and the client's own state."""
        return _with_query(self.redirect_uri, answer, self.state)


def read_authorization(query: Mapping[str, str], clients: Clients, style: Style) -> Authorization:
    """The request in the query. Raises Unsafe or SentBack."""
    if any(len(value) > LONGEST for value in query.values()):
        raise Unsafe("A parameter of this request is too long.")
    client = clients.find(query.get("client_id", ""))
    if client is None:
        raise Unsafe("No application is registered under this client id.")
    redirect_uri = query.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise Unsafe("The redirect address is not one of those registered for this application.")
    state = query.get("state")

    def fault(code: str, why: str) -> SentBack:
        return SentBack(_with_query(redirect_uri, {"error": code, "error_description": why}, state), code)

    kind = query.get("response_type", "" if style.response_type_required else "code")
    if kind != "code":
        raise fault("unsupported_response_type", "response_type must be code")
    scopes = tuple(dict.fromkeys(name for name in query.get("scope", "").split(style.separator) if name))
    if not scopes or not all(style.scope.fullmatch(name) for name in scopes):
        raise fault("invalid_scope", "the scopes are missing, or one of them is none of this provider's")
    challenge = query.get("code_challenge")
    method = query.get("code_challenge_method", "plain")
    if challenge is not None and (method != "S256" or not _CHALLENGE.fullmatch(challenge)):
        raise fault("invalid_request", "code_challenge_method must be S256 with a challenge of 43 characters")
    return Authorization(client.client_id, redirect_uri, scopes, state, challenge)


def _with_query(uri: str, answer: Mapping[str, str], state: str | None) -> str:
    parts = urlsplit(uri)
    more = urlencode({**answer, **({} if state is None else {"state": state})})
    return urlunsplit(parts._replace(query=f"{parts.query}&{more}" if parts.query else more))

"""Slack's events: the question whether the address is ours, and that a team took the app or its tokens away."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, TypeAdapter

from ingest.domain.webhooks import Revocation, Sender
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.signing import check_signed, check_time, moment, present
from ingest.webhooks.wire import Id, Wire, moment_of, read_body

_UNINSTALLED, _TOKENS_REVOKED = "app_uninstalled", "tokens_revoked"


class _Kind(Wire):
    type: str = ""


class _Question(Wire):
    challenge: Annotated[str, Field(min_length=1, max_length=500)]


class _Tokens(Wire):
    bot: list[str] | None = None


class _Event(Wire):
    type: str = ""
    tokens: _Tokens = _Tokens()


class _Callback(Wire):
    event: _Event = _Event()


class _Farewell(Wire):
    team_id: Id
    event_id: Id
    event_time: int


_KIND = TypeAdapter(_Kind)
_QUESTION = TypeAdapter(_Question)
_CALLBACK = TypeAdapter(_Callback)
_FAREWELL = TypeAdapter(_Farewell)


def check_signature(secrets: Sequence[str], arrival: Arrival) -> None:
    """Slack signed the body within five minutes of now. Raises Refused."""
    given = present(arrival.headers.get("x-slack-signature"))
    stamp = present(arrival.headers.get("x-slack-request-timestamp"))
    at = moment(stamp)
    source = f"v0:{stamp}:".encode() + arrival.body
    expected = [f"v0={hmac.new(secret.encode(), source, hashlib.sha256).hexdigest()}" for secret in secrets]
    check_signed(expected, [given])
    check_time(at, arrival.now)


def challenge(body: bytes) -> str:
    """What Slack wants to have repeated before it sends anything to an address; empty for everything else. Raises InvalidInput."""
    if read_body(_KIND, body).type != "url_verification":
        return ""
    return read_body(_QUESTION, body).challenge


def read_event(body: bytes) -> Revocation | None:
    """Which team took the app, or the app's own tokens, away; None for an event that means nothing here. Raises InvalidInput."""
    if read_body(_KIND, body).type != "event_callback":
        return None
    event = read_body(_CALLBACK, body).event
    # Only the app's own tokens are Callmine's; those of people are not asked for.
    if event.type != _UNINSTALLED and not (event.type == _TOKENS_REVOKED and event.tokens.bot):
        return None
    told = read_body(_FAREWELL, body)
    return Revocation(Sender.SLACK, told.team_id, told.event_id, event.type, moment_of(told.event_time))

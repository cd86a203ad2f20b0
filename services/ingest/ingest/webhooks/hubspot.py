"""HubSpot's webhooks, signature version 3: of all that it tells, only that an account took the app away means something here.

developers.hubspot.com, "Validating requests". Versions 1 and 2 are not accepted: they hold no time, and version 1 no address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

from pydantic import TypeAdapter

from ingest.domain.webhooks import Revocation, Sender
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.signing import check_signed, check_time, moment, present
from ingest.webhooks.wire import Wire, moment_of, read_body

# HubSpot signs the address with these decoded, and all others as they are.
_DECODED = {
    "3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$",
    "27": "'", "28": "(", "29": ")", "2A": "*", "2C": ",", "3B": ";",
}  # fmt: skip
_ESCAPE = re.compile(f"%({'|'.join(_DECODED)})", re.IGNORECASE)

# An app that was taken away, among the events of its life.
_LIFE, _TAKEN_AWAY = "APP_LIFECYCLE_EVENT", "4-1916193"


class _Event(Wire):
    subscriptionType: str = ""  # noqa: N815 - HubSpot's spelling
    eventTypeId: str | None = None  # noqa: N815 - HubSpot's spelling
    portalId: int | None = None  # noqa: N815 - HubSpot's spelling
    eventId: int | None = None  # noqa: N815 - HubSpot's spelling
    subscriptionId: int | None = None  # noqa: N815 - HubSpot's spelling
    occurredAt: int = 0  # noqa: N815 - HubSpot's spelling, milliseconds


_EVENTS = TypeAdapter(list[_Event])


def check_signature(secrets: Sequence[str], url: str, arrival: Arrival) -> None:
    """HubSpot signed the body, sent to `url`, within five minutes of now. Raises Refused.

    `url` is our public address as it is configured: the request's own Host is anybody's to choose.
    """
    given = present(arrival.headers.get("x-hubspot-signature-v3"))
    stamp = present(arrival.headers.get("x-hubspot-request-timestamp"))
    at = moment(stamp, per_second=1000)
    address = signed_address(f"{url}?{arrival.query}" if arrival.query else url)
    source = b"POST" + address.encode() + arrival.body + stamp.encode()
    expected = [
        base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode() for secret in secrets
    ]
    check_signed(expected, [given])
    check_time(at, arrival.now)


def signed_address(url: str) -> str:
    """The address as HubSpot puts it under its signature."""
    return _ESCAPE.sub(lambda found: _DECODED[found.group(1).upper()], url)


def read_events(body: bytes) -> list[Revocation]:
    """Which accounts took the app away, of all the events in the body. Raises InvalidInput, which quotes nothing."""
    return [_revocation(event) for event in read_body(_EVENTS, body) if _is_farewell(event)]


def _is_farewell(event: _Event) -> bool:
    return event.subscriptionType == _LIFE and event.eventTypeId == _TAKEN_AWAY and event.portalId is not None


def _revocation(event: _Event) -> Revocation:
    """HubSpot does not promise that the id of an event is its alone, so it counts with its subscription and time."""
    return Revocation(
        provider=Sender.HUBSPOT,
        account_id=str(event.portalId),
        message_id=f"{event.subscriptionId}:{event.eventId}:{event.occurredAt}",
        type=f"{_LIFE}:{_TAKEN_AWAY}",
        occurred_at=moment_of(event.occurredAt, per_second=1000),
    )

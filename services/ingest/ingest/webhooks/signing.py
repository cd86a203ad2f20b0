"""What all signatures have in common: compared in constant time, and good for five minutes on either side of now."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ingest.domain.webhooks import Reason
from ingest.webhooks.refusal import Refused

# What Svix, Stripe, HubSpot and Slack all name. An older one may be a replay, one from the future a forgery to be used later: the clients
# of Stripe and HubSpot look at the past only.
TOLERANCE = timedelta(minutes=5)

# Milliseconds since 1970 have 13 digits until the year 2286.
_LONGEST_STAMP = 13


def moment(stamp: str, *, per_second: int = 1) -> datetime:
    """The time that a header names in seconds, or parts of it, since 1970. Raises Refused for what is none."""
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > _LONGEST_STAMP:
        raise Refused(Reason.MALFORMED_SIGNATURE)
    try:
        return datetime.fromtimestamp(int(stamp) / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(Reason.MALFORMED_SIGNATURE) from None


def check_signed(expected: Iterable[str], given: Iterable[str]) -> None:
    """One of the `given` signatures is one of those that are `expected`, of which there are several while a secret is replaced.

    All are compared, so that the time tells nothing. Raises Refused.
    """
    wanted = [text.encode() for text in expected]
    found = [hmac.compare_digest(one, text.encode()) for text in given for one in wanted]
    if not any(found):
        raise Refused(Reason.WRONG_SIGNATURE)


def check_time(at: datetime, now: datetime) -> None:
    """`at` is about now. Raises Refused. To be asked after the signature: only then is `at` the sender's."""
    if at < now - TOLERANCE:
        raise Refused(Reason.TOO_OLD)
    if at > now + TOLERANCE:
        raise Refused(Reason.TOO_NEW)


def present(header: str | None) -> str:
    """A header that has to be there. Raises Refused."""
    if not header:
        raise Refused(Reason.NO_SIGNATURE)
    return header

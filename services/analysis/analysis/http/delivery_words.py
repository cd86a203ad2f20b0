"""Deliveries in the words of the pages."""

from __future__ import annotations

from analysis.domain.deliveries import DeliveryState, PageNotice, Posting, reason_words


def delivery_words(posting: Posting | PageNotice) -> str:
    """`posted to #sales`; why it is not, without the time, which stands beside it."""
    where = posting.channel.title if posting.channel else "Slack"
    why = reason_words(posting.reason) if posting.reason else ""
    match posting.state:
        case DeliveryState.POSTED:
            return f"Posted to {where}"
        case DeliveryState.UNCLEAR:
            return f"May have been posted to {where}: {why}"
        case DeliveryState.SKIPPED | DeliveryState.FAILED:
            return f"Not posted to {where}: {why}"
        case _:
            return f"Being posted to {where}"

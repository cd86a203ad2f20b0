"""Where Stripe's API is."""

from __future__ import annotations

from egress import Destination

NAME = "stripe"

# Of what is read at once a customer with a hundred subscriptions is the largest, about 1 MB.
_LARGEST = 8 * 1024 * 1024


def destination(base_url: str) -> Destination:
    """Where Stripe's API is."""
    return Destination(name=NAME, base_url=base_url, largest_response=_LARGEST)

"""Calls for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from ingest.domain.calls import Affiliation, Call, CallId, Deal, Owner, Party

MAYA = Party("1", "Maya Lindqvist", "Account Executive", Affiliation.INTERNAL, "maya@seller.example")
TOMAS = Party("2", "Tomás Ferreira", "VP Operations", Affiliation.EXTERNAL, "tomas@buyer.example")
DEAL = Deal(
    account="Brightwater Foods", stage="Proposal", amount=64000, currency="USD", owner="Maya Lindqvist", employees=850
)


def call(number: int = 1, **changes: object) -> Call:
    """A call on day `number` of March 2026; `changes` replace its fields."""
    made = Call(
        call_id=CallId(str(7_000 + number)),
        title="Brightwater Foods: discovery",
        started_at=datetime(2026, 3, number, 15, 30, tzinfo=UTC),
        duration_seconds=1800,
        url=None,
        direction="conference",
        scope="external",
        is_private=False,
        parties=(MAYA, TOMAS),
        owner=Owner(MAYA.name, MAYA.email),
        deal=DEAL,
    )
    return replace(made, **changes)

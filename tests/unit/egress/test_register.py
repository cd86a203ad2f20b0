"""Who data may go to, and from when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from core.clock import SystemClock
from egress import REGISTER, Destination, Egress, Kind, NotInRegister, Recipient, Register

LISTED = date(2026, 3, 1)
NEW = Recipient(
    name="new", company="New", kind=Kind.SUB_PROCESSOR, purpose="something", hosts=("api.new.example",), listed=LISTED
)
PLACE = Destination(name="new", base_url="https://api.new.example")


class On(SystemClock):
    """The machine's clock, on another day."""

    def __init__(self, day: date) -> None:
        self._day = day

    def now(self) -> datetime:
        return datetime(self._day.year, self._day.month, self._day.day, 23, 59, tzinfo=UTC)


def test_the_register_is_what_is_promised() -> None:
    named = {kind: {one.company for one in REGISTER if one.kind is kind} for kind in Kind}
    assert named[Kind.SUB_PROCESSOR] == {"Google Cloud", "Clerk", "Stripe", "OpenAI", "Anthropic"}
    assert named[Kind.INTEGRATION] == {"Gong", "HubSpot", "Slack", "The customer's own SIEM"}
    assert all(one.purpose and bool(one.hosts) is not one.own_hosts for one in REGISTER)


def test_only_who_was_there_before_the_first_customer_has_no_day() -> None:
    """Whoever is added is listed with the day, so that the 30 days are counted."""
    first = {"google", "clerk", "stripe", "openai", "anthropic", "gong", "hubspot", "slack", "siem"}
    assert {one.name for one in REGISTER if one.listed is None} <= first


def test_a_new_sub_processor_is_in_effect_after_30_days() -> None:
    assert NEW.effective == date(2026, 3, 31)
    assert not NEW.in_effect(LISTED)
    assert not NEW.in_effect(LISTED + timedelta(days=29))
    assert NEW.in_effect(LISTED + timedelta(days=30))


def test_an_integration_is_the_customers_own_choice_and_waits_for_nobody() -> None:
    theirs = Recipient(
        name="crm", company="CRM", kind=Kind.INTEGRATION, purpose="deals", hosts=("api.crm.example",), listed=LISTED
    )
    assert theirs.in_effect(LISTED)
    assert not theirs.in_effect(LISTED - timedelta(days=1))


async def test_a_service_does_not_start_with_a_destination_that_is_not_yet_in_effect() -> None:
    register = Register([NEW])
    for day in (LISTED, LISTED + timedelta(days=29)):
        with pytest.raises(NotInRegister, match="in effect from 2026-03-31"):
            Egress([PLACE], register=register, clock=On(day))
    async with Egress([PLACE], register=register, clock=On(LISTED + timedelta(days=30))):
        pass


@pytest.mark.parametrize(
    "place",
    [
        Destination(name="mailgun", base_url="https://api.mailgun.net"),
        Destination(name="mailgun", base_url="https://127.0.0.1:1"),
        Destination(name="openai", base_url="https://api.openai.com.evil.example"),
        Destination(name="openai", base_url="https://eu.api.openai.com"),
        Destination(name="openai", base_url="https://api.openai.com", hosts=("*.openai.com",)),
        Destination(name="openai", base_url="https://127.0.0.1:1", hosts=("api.evil.example",)),
        Destination(name="gong", base_url="https://gong.io"),
        Destination(name="gong", base_url="https://api.gong.io", hosts=("*.io.gong.example",)),
        Destination(name="openai", base_url="https://api.anthropic.com"),
        Destination(name="openai-more", recipient="anthropic", base_url="https://api.openai.com"),
    ],
    ids=lambda place: f"{place.name} {place.base_url} {place.hosts}",
)
def test_a_service_does_not_start_with_a_host_that_is_not_in_the_register(place: Destination) -> None:
    with pytest.raises(NotInRegister):
        Egress([place])


@pytest.mark.parametrize(
    "place",
    [
        Destination(name="openai", base_url="https://api.openai.com/v1"),
        Destination(name="gong", base_url="https://api.gong.io", hosts=("*.gong.io", "*.api.gong.io", "app.gong.io")),
        Destination(name="gong-oauth", recipient="gong", base_url="https://app.gong.io"),
        Destination(name="gong", base_url="https://127.0.0.1:8443/gong", hosts=("*.gong.io",)),
        Destination(name="gong", base_url="https://[::1]:8443/gong"),
        Destination(name="gong", base_url="https://localhost:8443/gong"),
    ],
    ids=lambda place: place.base_url,
)
def test_a_service_starts_with_a_recipients_own_hosts_and_with_a_sandbox_on_this_machine(place: Destination) -> None:
    REGISTER.admit(place, LISTED)


def test_a_recipient_is_in_the_register_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Register([NEW, NEW])


@pytest.mark.parametrize("host", ["*", "*.com", "https://api.new.example", "10.0.0.1"])
def test_a_recipients_hosts_are_names(host: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        Recipient(name="new", company="New", kind=Kind.INTEGRATION, purpose="x", hosts=(host,))

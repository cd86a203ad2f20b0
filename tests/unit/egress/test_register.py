"""Who data may go to, and from when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from core.clock import SystemClock
from egress import REGISTER, Destination, Egress, Kind, NotInRegister, Recipient, Register
from egress.register import register_text
from house.projects import ROOT

LISTED = date(2026, 3, 1)
NEW = Recipient(
    name="new",
    company="New",
    kind=Kind.SUB_PROCESSOR,
    purpose="something",
    hosts=("api.new.example",),
    listed_on=LISTED,
    in_effect_from=LISTED + timedelta(days=30),
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


def test_only_who_was_there_before_the_first_customer_waited_for_nobody() -> None:
    founding = {one.name for one in REGISTER if one.founding}
    assert founding == {"google", "clerk", "stripe", "openai", "anthropic", "gong", "hubspot", "slack"}
    with pytest.raises(ValueError, match="before the first customer"):
        replace(NEW, founding=True)


def test_a_new_sub_processor_is_announced_for_30_days_and_then_in_effect() -> None:
    days = [LISTED + timedelta(days=number) for number in (-1, 0, 29, 30)]
    assert [NEW.in_effect(day) for day in days] == [False, False, False, True]
    assert [NEW.announced(day) for day in days] == [False, True, True, False]
    assert Register([NEW]).announced(LISTED) == [NEW]
    assert REGISTER.announced(LISTED) == []


@pytest.mark.parametrize("days", [-1, 0, 1, 29])
def test_less_than_30_days_of_notice_is_no_entry(days: int) -> None:
    with pytest.raises(ValueError, match="in effect from 2026-03-31 at the earliest"):
        replace(NEW, in_effect_from=LISTED + timedelta(days=days))


def test_an_integration_is_the_customers_own_choice_and_waits_for_nobody() -> None:
    theirs = replace(NEW, kind=Kind.INTEGRATION, in_effect_from=LISTED)
    assert theirs.in_effect(LISTED)
    assert not theirs.in_effect(LISTED - timedelta(days=1))
    assert not theirs.announced(LISTED)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("    data: [billing]\n", "", "stripe: data is missing"),
        ("    data: [billing]\n", "    data: [biling]\n", "stripe: biling is no class of data"),
        ("    hosts: [slack.com]\n", "    hosts: []\n", "slack: hosts and data are lists"),
        ("    founding: true\n  - name: clerk", "    found: true\n  - name: clerk", "google: there is no field found"),
        ("    listed_on: 2026-11-23\n", "    listed_on: soon\n", "google: listed_on and in_effect_from are days"),
        ("    listed_on: 2026-11-23\n", "    listed_on: 2026-10-23\n", "google: only who was listed on 2026-11-23"),
        (
            "    founding: true\n  - name: stripe",
            "  - name: stripe",
            "clerk: listed on 2026-11-23, so in effect from 2026-12-23",
        ),
        ("  - name: clerk", "  - name: google", "google is in the register twice"),
    ],
)
def test_a_file_that_is_wrong_is_not_read_and_names_the_entry(before: str, after: str, words: str) -> None:
    assert before in register_text()
    with pytest.raises(ValueError, match=words):
        Register.read(register_text().replace(before, after, 1))


def test_whoever_is_added_is_added_at_the_end() -> None:
    newest = """  - {name: new, company: New, kind: sub-processor, purpose: something, data: [briefs], hosts: [api.new.example],
     listed_on: 2027-03-01, in_effect_from: 2027-03-31}
"""
    assert [one.name for one in Register.read(register_text() + newest)][-1] == "new"
    first = register_text().replace("recipients:\n", f"recipients:\n{newest}")
    with pytest.raises(ValueError, match="google: listed before new"):
        Register.read(first)


def test_the_asked_for_path_leads_to_the_one_source() -> None:
    assert (ROOT / "trust/subprocessors.yaml").samefile(ROOT / "libs/egress/egress/subprocessors.yaml")


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
        replace(NEW, hosts=(host,))

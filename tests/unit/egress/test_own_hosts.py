"""A host that a customer has named: for the recipient that the register leaves to customers, for one request, and never on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from egress import REGISTER, Destination, DestinationRefused, Egress, Kind, NotInRegister, Recipient
from egress.register import FOUNDED

THEIRS = Destination(name="siem", base_url="https://siem.example.com")


async def private(_host: str, _port: int) -> Sequence[str]:
    return ["10.0.0.7"]


@pytest.mark.parametrize(
    "place",
    [
        Destination(name="gong", base_url="https://siem.example.com"),
        Destination(name="siem", recipient="openai", base_url="https://api.openai.com"),
        Destination(name="siem", base_url="https://siem.example.com", hosts=("other.example.com",)),
        Destination(name="nobody", base_url="https://siem.example.com"),
    ],
    ids=lambda place: f"{place.name} {place.recipient} {place.hosts}",
)
async def test_only_what_the_register_leaves_to_customers_is_theirs_to_name(place: Destination) -> None:
    async with Egress([]) as egress:
        with pytest.raises(NotInRegister):
            await egress.request(place, "POST", "/in", content=b"")


async def test_a_settings_file_names_no_customers_host() -> None:
    with pytest.raises(NotInRegister):
        Egress([THEIRS])


@pytest.mark.parametrize("base", ["https://localhost:8443", "https://127.0.0.1:8443", "https://[::1]:8443"])
async def test_this_machine_is_nobodys_to_name_unless_a_sandbox_is_there(base: str) -> None:
    place = Destination(name="siem", base_url=base)
    async with Egress([Destination(name="siem", base_url="https://localhost:8444/siem")]) as egress:
        with pytest.raises(DestinationRefused, match="this machine"):
            await egress.request(place, "POST", "/in", content=b"")


async def test_a_name_that_leads_to_a_private_address_is_refused_before_anything_is_sent() -> None:
    async with Egress([], resolve=private) as egress:
        with pytest.raises(DestinationRefused, match="not public"):
            await egress.request(THEIRS, "POST", "/in", content=b"")
        assert egress.metrics()["siem"].refused == 1


async def test_a_request_goes_to_the_host_that_was_named_and_to_no_other() -> None:
    async with Egress([]) as egress:
        for address in ("https://other.example.com/in", "https://siem.example.com:8443/in", "http://siem.example.com/"):
            with pytest.raises(DestinationRefused):
                await egress.request(THEIRS, "POST", address, content=b"")
        with pytest.raises(DestinationRefused, match="no such destination"):
            await egress.request("siem", "POST", "/in", content=b"")


def test_a_sub_processors_hosts_are_ours_to_name() -> None:
    with pytest.raises(ValueError, match="customer's own"):
        Recipient(
            name="x",
            company="X",
            kind=Kind.SUB_PROCESSOR,
            purpose="x",
            hosts=(),
            listed_on=FOUNDED,
            in_effect_from=FOUNDED,
            founding=True,
            own_hosts=True,
        )
    with pytest.raises(NotInRegister):
        REGISTER.admit_own(Destination(name="slack", base_url="https://evil.example.com"), date(2026, 11, 29))

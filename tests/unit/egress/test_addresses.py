"""Which addresses a provider can have."""

from __future__ import annotations

import ipaddress

import pytest

from egress.addresses import address_in, is_loopback, is_public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
     "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:80b::200e"],
)  # fmt: skip
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "block",
    ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
     "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
     "::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:20::/28",
     "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
)  # fmt: skip
def test_not_public_from_its_first_address_to_its_last(block: str) -> None:
    network = ipaddress.ip_network(block)
    assert not is_public(network[0])
    assert not is_public(network[-1])


def test_what_python_calls_private_is_not_public_either() -> None:
    for first in range(256):
        for second in range(256):
            address = ipaddress.IPv4Address(bytes([first, second, 1, 1]))
            assert not (is_public(address) and (address.is_private or address.is_multicast or address.is_reserved))


def test_an_address_of_a_zone_is_not_public() -> None:
    assert not is_public(ipaddress.ip_address("2606:4700:4700::1111%eth0"))


@pytest.mark.parametrize(
    "text", ["127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "[::1]", "127.0.0.1.", "", "localhost", "\uff11.1.1.1"]
)
def test_other_spellings_are_no_addresses(text: str) -> None:
    assert address_in(text) is None


@pytest.mark.parametrize(("address", "expected"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", False),
                                                   ("0.0.0.1", False), ("8.8.8.8", False)])  # fmt: skip
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(ipaddress.ip_address(address)) is expected

"""Which addresses a destination allows."""

from __future__ import annotations

import httpx
import httpx2
import pytest

from egress import Destination, DestinationRefused, Destinations

GONG = Destination(name="gong", hosts=("*.gong.io", "gong.example"), base_url="https://api.gong.io")
SANDBOX = Destination(name="gong", hosts=("*.gong.io",), base_url="https://127.0.0.1:8443/gong")


@pytest.mark.parametrize(
    ("destination", "given", "address"),
    [
        (GONG, "/v2/users", "https://api.gong.io/v2/users"),
        (GONG, "https://us-11.api.gong.io/v2/users", "https://us-11.api.gong.io/v2/users"),
        (GONG, "https://US-11.API.GONG.IO/v2/users", "https://us-11.api.gong.io/v2/users"),
        (GONG, "https://gong.example:443/x", "https://gong.example/x"),
        (GONG, "//evil.example/x", "https://api.gong.io//evil.example/x"),
        (GONG, "/@evil.example/x", "https://api.gong.io/@evil.example/x"),
        (SANDBOX, "/v2/users", "https://127.0.0.1:8443/gong/v2/users"),
        (SANDBOX, "https://127.0.0.1:8443/other", "https://127.0.0.1:8443/other"),
    ],
)
def test_allowed(destination: Destination, given: str, address: str) -> None:
    assert str(destination.address(given)) == address


@pytest.mark.parametrize(
    "given",
    [
        "http://api.gong.io/",
        "ftp://api.gong.io/",
        "v2/users",
        "",
        "https://",
        "https:///v2",
        "https://gong.io/",
        "https://evilgong.io/",
        "https://gong.io.evil.example/",
        "https://api.gong.io.evil.example/",
        "https://api.gong.io.",
        "https://api.gong.io./",
        "https://api..gong.io/",
        "https://.gong.io/",
        "https://user@api.gong.io/",
        "https://user:pw@api.gong.io/",
        "https://api.gong.io@evil.example/",
        "https://api.gong.io:8443/",
        "https://api.gong.io:80/",
        "https://api.gong.io\\.evil.example/",
        "https://evil.example\\.gong.io/",
        "https://evil.example%2f.gong.io/",
        "https://-.gong.io/",
        "https://a_b.gong.io/",
        "https://api.gong.io%2eevil.example/",
        "https://evil.example/?x=.gong.io",
        "https://evil.example#.gong.io",
        "https://evil.example/.gong.io",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://169.254.169.254/computeMetadata/v1/",
        "https://metadata.google.internal/",
        "https://\u0261ong.io/",
        "https://api.gong\u3002evil.example/",
        "https://api.gong.io\r\nhost: evil.example/",
        "https://api.gong.io:bad/",
    ],
)
def test_refused(given: str) -> None:
    with pytest.raises(DestinationRefused):
        GONG.address(given)


@pytest.mark.parametrize("given", ["https://127.0.0.1/", "https://127.0.0.2:8443/", "https://api.gong.io/"])
def test_a_sandbox_is_reached_at_its_own_address_only(given: str) -> None:
    with pytest.raises(DestinationRefused):
        SANDBOX.address(given)


def test_both_client_libraries_addresses_are_judged_alike() -> None:
    GONG.check(httpx2.URL("https://us.api.gong.io/"))
    for url in (httpx2.URL("https://evil.example/"), httpx.URL("https://evil.example/")):
        with pytest.raises(DestinationRefused):
            GONG.check(url)


@pytest.mark.parametrize(
    "base",
    [
        "http://api.gong.io",
        "https://",
        "https://u@api.gong.io",
        "https://api.gong.io?x=1",
        "https://api.gong.io#x",
        "",
        "https://10.0.0.1",
        "https://8.8.8.8",
        "https://169.254.169.254",
        "https://[::ffff:127.0.0.1]",
        "https://2130706433",
    ],
)
def test_a_base_address_is_https_and_nothing_more(base: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Destination(name="gong", base_url=base)


@pytest.mark.parametrize(
    "host", ["*", "*.io", "*.*.io", "Gong.io", "https://gong.io", "gong.io:443", "gong", "10.0.0.1", "gong.io."]
)
def test_a_host_pattern_is_a_name_or_one_star_before_a_registered_name(host: str) -> None:
    with pytest.raises(ValueError, match="gong"):
        Destination(name="gong", base_url="https://api.gong.io", hosts=(host,))


def test_a_name_stands_for_one_destination() -> None:
    with pytest.raises(ValueError, match="twice"):
        Destinations([GONG, SANDBOX])
    with pytest.raises(DestinationRefused):
        Destinations([GONG]).destination("hubspot")


def test_a_refusal_names_no_part_of_the_address() -> None:
    with pytest.raises(DestinationRefused) as caught:
        GONG.address("https://evil.example/secret-path?token=abc")
    assert "evil" not in str(caught.value)
    assert "secret" not in str(caught.value)

"""What may be pasted, and where a credential may be sent."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from credential_vault.domain.credentials import LONGEST_KEY, BasicPair, Provider, gong_base_url, is_allowed

DEFAULT = "https://localhost:4433/gong"


@pytest.mark.parametrize("text", ["", "   ", DEFAULT, f"{DEFAULT}/", f" {DEFAULT} "])
def test_no_address_and_the_default_are_the_same(text: str) -> None:
    assert gong_base_url(text, DEFAULT) == ""


@pytest.mark.parametrize("text", ["https://api.gong.io", "https://us-12345.api.gong.io/", " https://eu.gong.io "])
def test_gongs_own_addresses_are_taken(text: str) -> None:
    assert gong_base_url(text, DEFAULT) == text.strip().rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "http://api.gong.io",
        "api.gong.io",
        "//api.gong.io",
        "ftp://api.gong.io",
        "HTTPS://API.GONG.IO",
        "https://gong.io",
        "https://.gong.io",
        "https://-.gong.io",
        "https://api.gong.io.",
        "https://api.gong.io:443",
        "https://api.gong.io:8443",
        "https://user@api.gong.io",
        "https://user:password@api.gong.io",
        "https://evil.example@api.gong.io",
        "https://api.gong.io@evil.example",
        "https://api.gong.io.evil.example",
        "https://evilgong.io",
        "https://api.gong.io.co",
        "https://api.g\N{CYRILLIC SMALL LETTER O}ng.io",
        "https://xn--gng-7cd.io",
        "https://127.0.0.1",
        "https://[::1]",
        "https://2130706433",
        "https://api.gong.io/v2",
        "https://api.gong.io?",
        "https://api.gong.io#",
        "https://api.gong.io?x=1",
        "https://api.go\nng.io",
        "https://api.gong.io\t.evil.example",
        "https://api.gong.io\\@evil.example",
        "https://api.gong.io%2eevil.example",
        "https://api..gong.io",
        "https://" + "a" * 64 + ".gong.io",
        "https://[",
        "\x00https://api.gong.io",
        "javascript:alert(1)",
    ],
)
def test_every_other_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="base URL must be Gong's own"):
        gong_base_url(text, DEFAULT)


def test_a_pair_is_taken_without_the_spaces_around_it() -> None:
    pair = BasicPair.parse("  key-1 ", "\tsecret-1\n")
    assert (pair.access_key, pair.secret) == ("key-1", "secret-1")


@pytest.mark.parametrize(
    ("access_key", "secret", "words"),
    [
        ("", "s", "access key is empty"),
        ("k", "  ", "secret is empty"),
        ("k" * (LONGEST_KEY + 1), "s", "access key is not one that Gong makes"),
        ("k", "s" * (LONGEST_KEY + 1), "secret is not one that Gong makes"),
        ("k k", "s", "access key is not one"),
        ("k", "s\x00s", "secret is not one"),
        ("k", "s\u200bs", "secret is not one"),
        ("a:b", "s", "holds a colon"),
    ],
)
def test_a_bad_pair_is_refused_without_being_quoted(access_key: str, secret: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        BasicPair.parse(access_key, secret)
    assert len(str(caught.value)) < 120


def test_the_repr_of_a_pair_shows_neither_half() -> None:
    assert repr(BasicPair("key-in-clear", "secret-in-clear")) == "BasicPair()"


@pytest.mark.parametrize("requester", ["ingest", "analysis", "audit", "retention", "credential-vault", "", "Ingest"])
@pytest.mark.parametrize("provider", list(Provider))
def test_the_policy_is_what_the_design_says(requester: str, provider: Provider) -> None:
    allowed = {
        ("ingest", Provider.GONG),
        ("ingest", Provider.HUBSPOT),
        ("analysis", Provider.SLACK),
        ("audit", Provider.SIEM),
    }
    assert is_allowed(requester, provider) == ((requester, provider) in allowed)

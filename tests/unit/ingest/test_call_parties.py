"""Who took part in a call, by address."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

import pytest

from core.errors import Permanent
from ingest.call_object import call_object
from ingest.call_parties import folded, took_part, took_part_packed
from ingest.domain.calls import CallId, Sentence

WANDA = folded("wanda.quist@brightwater.example")


def described(parties: Sequence[str | None], owner: str | None = None) -> bytes:
    """A call with these addresses."""
    whole = {
        "title": f"About {WANDA}",
        "parties": [{"name": WANDA, "email": email} for email in parties],
        "owner": {"name": "Maya", "email": owner} if owner else None,
        "deal": {"owner": WANDA},
    }
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    "spelled", ["wanda.quist@brightwater.example", "Wanda.Quist@BRIGHTWATER.example", f" {WANDA} "]
)
def test_an_address_is_the_same_however_it_is_written(spelled: str) -> None:
    assert took_part(described([None, "maya@a.example", spelled]), WANDA)
    assert took_part(described([], spelled), WANDA)
    assert took_part_packed(zlib.compress(described([spelled])), folded(spelled.upper()))


def test_names_titles_and_other_addresses_are_nobody() -> None:
    assert not took_part(described([None, "maya@a.example", f"x{WANDA}", f"{WANDA}.org"]), WANDA)
    assert not took_part(b"{}", WANDA)


def test_letters_that_fold_to_several_are_the_same() -> None:
    assert took_part(described(["STRASSE@a.example"]), folded("straße@a.example"))


def test_the_object_that_a_call_is_stored_as_is_read() -> None:
    metadata = {"call_id": CallId("7"), "parties": [{"email": WANDA.upper(), "name": "W"}], "owner": None}
    made = call_object(metadata, [Sentence("1", 0, 1, "Good morning.")])
    assert took_part(made.content, WANDA)


@pytest.mark.parametrize("content", [b"", b"no JSON", b'{"parties": [7]}', b"[]"])
def test_what_describes_no_call_is_refused(content: bytes) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        took_part(content, WANDA)
    with pytest.raises(Permanent, match=r"cannot be unpacked|cannot be read"):
        took_part_packed(content, WANDA)

"""A sealed credential opens for one key and one grant, and for nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.sealing import Binding, CannotOpen, SealedTo, SealingKey, SealingKeys, seal
from core.errors import InvalidInput, Permanent
from core.ids import WorkspaceId

SECRET = b'{"kind":"basic","access_key":"k","secret":"s"}'
BINDING = Binding(
    workspace_id=WorkspaceId("org_a"),
    grant_id="0195520d-9d52-7000-8000-0000000000a1",
    provider="gong",
    requester="ingest",
    expires_at=datetime(2026, 3, 1, 9, 30, 15, tzinfo=UTC),
)

OTHER_BINDINGS = {
    "workspace": replace(BINDING, workspace_id=WorkspaceId("org_b")),
    "grant": replace(BINDING, grant_id="0195520d-9d52-7000-8000-0000000000a2"),
    "provider": replace(BINDING, provider="hubspot"),
    "requester": replace(BINDING, requester="analysis"),
    "expiry": replace(BINDING, expires_at=BINDING.expires_at + timedelta(seconds=1)),
}


@pytest.fixture(scope="module")
def key() -> SealingKey:
    return SealingKey.generate()


@pytest.fixture(scope="module")
def to(key: SealingKey) -> SealedTo:
    return SealedTo.parse(key.public_text())


@given(plaintext=st.binary(max_size=300))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_sealed_opens(key: SealingKey, to: SealedTo, plaintext: bytes) -> None:
    assert key.open(seal(to, plaintext, BINDING), BINDING) == plaintext


def test_a_key_read_back_opens_too(key: SealingKey, to: SealedTo) -> None:
    assert SealingKey.parse(key.private_text()).open(seal(to, SECRET, BINDING), BINDING) == SECRET


def test_the_same_text_is_sealed_differently_each_time(to: SealedTo) -> None:
    assert seal(to, SECRET, BINDING) != seal(to, SECRET, BINDING)


def test_the_plaintext_does_not_show(to: SealedTo) -> None:
    assert SECRET not in seal(to, SECRET, BINDING)


@pytest.mark.parametrize("part", OTHER_BINDINGS)
def test_it_opens_for_no_other_grant(key: SealingKey, to: SealedTo, part: str) -> None:
    sealed = seal(to, SECRET, BINDING)
    assert key.open(sealed, BINDING) == SECRET
    with pytest.raises(CannotOpen):
        key.open(sealed, OTHER_BINDINGS[part])


@pytest.mark.parametrize("between", ['","', ",", "|", "\0", ""])
def test_text_cannot_move_from_one_part_to_the_next(key: SealingKey, to: SealedTo, between: str) -> None:
    sealed = seal(to, SECRET, replace(BINDING, grant_id=f"a{between}b", provider="c"))
    with pytest.raises(CannotOpen):
        key.open(sealed, replace(BINDING, grant_id="a", provider=f"b{between}c"))


def test_every_part_of_the_binding_is_swapped_above() -> None:
    fields = set(Binding.__struct_fields__)
    swapped = {
        name for other in OTHER_BINDINGS.values() for name in fields if getattr(other, name) != getattr(BINDING, name)
    }
    assert swapped == fields


def test_it_opens_for_no_other_key(to: SealedTo) -> None:
    with pytest.raises(CannotOpen):
        SealingKey.generate().open(seal(to, SECRET, BINDING), BINDING)


def test_no_altered_byte_opens(key: SealingKey, to: SealedTo) -> None:
    sealed = seal(to, SECRET, BINDING)
    # Every part of the message: both encapsulations, the ciphertext and the tag.
    for position in {*range(0, len(sealed), 37), len(sealed) - 17, len(sealed) - 1}:
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(CannotOpen):
            key.open(bytes(altered), BINDING)


@pytest.mark.parametrize("cut", [0, 1, 16, 1119, 1120])
def test_a_shortened_message_does_not_open(key: SealingKey, to: SealedTo, cut: int) -> None:
    sealed = seal(to, SECRET, BINDING)
    with pytest.raises(CannotOpen):
        key.open(sealed[:cut], BINDING)
    with pytest.raises(CannotOpen):
        key.open(sealed + b"\0", BINDING)


def test_a_refusal_is_final_and_shows_nothing(key: SealingKey) -> None:
    with pytest.raises(Permanent) as refusal:
        key.open(SECRET, BINDING)
    assert "secret" not in str(refusal.value).lower()


def test_a_key_never_shows_itself(key: SealingKey) -> None:
    assert repr(key) == f"SealingKey({key.key_id})"
    assert key.private_text() not in f"{key} {key!r} {[key]}"


def test_the_id_of_a_key_is_that_of_its_public_half(key: SealingKey, to: SealedTo) -> None:
    assert key.key_id == to.key_id
    assert len(to.key_id) == 16
    assert SealingKey.generate().key_id != key.key_id


@pytest.mark.parametrize("parse", [SealingKey.parse, SealedTo.parse], ids=["private", "public"])
@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"x" * 95).decode(), "ä" * 8])
def test_what_is_no_key_is_refused_and_not_quoted(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(InvalidInput, match="sealing key") as refusal:
        parse(text)
    assert not text or text not in str(refusal.value)


def test_a_grant_opens_with_the_key_it_names_while_two_are_in_place(key: SealingKey, to: SealedTo) -> None:
    new = SealingKey.generate()
    keys = SealingKeys.parse(f"{new.private_text()}\n\n {key.private_text()}\r\n")
    for one in (to, SealedTo.parse(new.public_text())):
        assert keys.open(seal(one, SECRET, BINDING), one.key_id, BINDING) == SECRET
    for unknown in (new.key_id, SealingKey.generate().key_id, ""):
        with pytest.raises(CannotOpen):
            keys.open(seal(to, SECRET, BINDING), unknown, BINDING)
    with pytest.raises(CannotOpen):
        SealingKeys.parse(new.private_text()).open(seal(to, SECRET, BINDING), to.key_id, BINDING)
    assert repr(keys) == f"SealingKeys({new.key_id}, {key.key_id})"


@pytest.mark.parametrize("text", ["", " \n", "not base64!"])
def test_a_line_that_is_no_key_is_refused_and_not_quoted(key: SealingKey, text: str) -> None:
    with pytest.raises(InvalidInput, match="sealing key"):
        SealingKeys.parse(text)
    with pytest.raises(InvalidInput) as refusal:
        SealingKeys.parse(f"{key.private_text()}\nnot base64!")
    assert key.private_text() not in str(refusal.value)

"""What a key looks like, and what is refused of one that is presented."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid

import pytest
from msgspec.structs import replace

from core.errors import Unauthenticated
from core.ids import UserId, WorkspaceId
from web import Role, Scope, api_keys
from web.api_keys import KnownKey, MissingScope, Presented, digest_of, judged, mint, parse, require

HARBOR, QUILL = WorkspaceId("org_harborline01"), WorkspaceId("org_quillstone01")
KEY_ID = uuid.UUID("0195520d-9d52-7000-8000-0000000000a1")


def known(text: str) -> KnownKey:
    return KnownKey(
        KEY_ID,
        digest_of(text),
        frozenset({Scope.RUNS_READ}),
        Role.MEMBER,
        UserId("user_2abc"),
        "maya@harborline.example",
        revoked=False,
        expired=False,
        use_is_due=False,
    )


def test_a_key_says_which_it_is_and_whose() -> None:
    text = mint(HARBOR, KEY_ID)
    assert parse(text) == Presented(HARBOR, KEY_ID, hashlib.sha256(text.encode()).digest())
    assert re.fullmatch(api_keys.PATTERN, text)
    assert text.startswith("callmine_live_harborline01_")


@pytest.mark.parametrize("number", [0, 1, (1 << 128) - 1], ids=["least", "one", "most"])
def test_every_id_comes_back(number: int) -> None:
    assert parse(mint(HARBOR, uuid.UUID(int=number))).key_id.int == number


def test_a_secret_has_256_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def most(count: int) -> bytes:
        asked.append(count)
        return b"\xff" * count

    monkeypatch.setattr("os.urandom", most)
    assert re.fullmatch(api_keys.PATTERN, mint(HARBOR, KEY_ID)), "the largest secret has its place"
    assert asked == [32]
    monkeypatch.undo()
    assert len({mint(HARBOR, KEY_ID) for _ in range(100)}) == 100


def test_one_changed_letter_anywhere_is_noticed() -> None:
    text = mint(HARBOR, KEY_ID)
    for place in range(len(text)):
        for letter in "aZ0_":
            if letter != text[place]:
                with pytest.raises(Unauthenticated) as refused:
                    parse(text[:place] + letter + text[place + 1 :])
                assert text[-40:] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "callmine_live_", "callmine_live__" + "0" * 71, "callmine_live_x_" + "é" * 71, "callmine_test_x_" + "0" * 71],
    ids=["nothing", "prefix", "no organisation", "other letters", "other prefix"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        parse(text)


def test_an_id_of_more_than_128_bits_is_refused_though_its_checksum_is_right() -> None:
    body = f"callmine_live_x_{'z' * 65}"
    with pytest.raises(Unauthenticated):
        parse(body + api_keys._checksum(body))


def test_the_holder_of_a_key_acts_for_who_made_it() -> None:
    text = mint(HARBOR, KEY_ID)
    session = judged(parse(text), known(text))
    assert (session.user_id, session.workspace_id, session.role) == ("user_2abc", HARBOR, Role.MEMBER)
    assert (session.actor.kind, session.actor.id, session.actor.source) == ("user", "user_2abc", "api")
    assert session.may(Scope.RUNS_READ)
    assert not session.may(Scope.RUNS_WRITE)
    require(session, Scope.RUNS_READ)
    with pytest.raises(MissingScope, match="runs:write"):
        require(session, Scope.RUNS_WRITE)
    require(replace(session, key=None), Scope.RUNS_WRITE)


@pytest.mark.parametrize("fault", ["another secret", "nobody's", "revoked", "expired"])
def test_a_key_that_does_not_hold_is_refused_and_only_its_holder_is_told_why(fault: str) -> None:
    text, other = mint(HARBOR, KEY_ID), mint(HARBOR, KEY_ID)
    stored = {
        "another secret": replace(known(other), revoked=True, expired=True),
        "nobody's": None,
        "revoked": replace(known(text), revoked=True),
        "expired": replace(known(text), expired=True),
    }[fault]
    words = {"revoked": "has been revoked", "expired": "has expired"}.get(fault, "is not known")
    with pytest.raises(Unauthenticated, match=words):
        judged(parse(text), stored)


def test_digests_are_compared_in_constant_time_also_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def noting(first: bytes, second: bytes) -> bool:
        compared.append((len(first), len(second)))
        return real(first, second)

    monkeypatch.setattr("hmac.compare_digest", noting)
    text = mint(HARBOR, KEY_ID)
    judged(parse(text), known(text))
    for stored in (None, known(mint(QUILL, KEY_ID))):
        with pytest.raises(Unauthenticated):
            judged(parse(text), stored)
    assert compared == [(32, 32)] * 3

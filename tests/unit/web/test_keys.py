"""Signing keys: fetched when needed, rarely, and kept when the issuer is away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from unit.web.issuer import Issuer, new_key

from core.errors import Transient
from web.keys import SigningKeys, parse_keys


class Hand:
    """A clock moved by hand."""

    seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Published:
    """What the issuer publishes, and how often it was asked."""

    def __init__(self) -> None:
        self.document: object = {}
        self.away = False
        self.fetches = 0

    async def fetch(self) -> object:
        self.fetches += 1
        if self.away:
            raise Transient("clerk is away")
        return self.document


OLD, NEW = Issuer("old"), Issuer("new")


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def published() -> Published:
    published = Published()
    published.document = OLD.jwks()
    return published


@pytest.fixture
def keys(published: Published, clock: Hand) -> SigningKeys:
    return SigningKeys(published.fetch, clock)


async def test_keys_are_fetched_once_and_kept(keys: SigningKeys, published: Published) -> None:
    assert await keys.find("old") == OLD.key.public_key()
    assert await keys.find("old") == OLD.key.public_key()
    assert published.fetches == 1


async def test_an_unknown_key_id_causes_at_most_one_fetch_a_minute(
    keys: SigningKeys, published: Published, clock: Hand
) -> None:
    await keys.find("old")
    for _ in range(100):
        assert await keys.find("new") is None
    assert published.fetches == 1
    clock.seconds += 61
    for _ in range(100):
        assert await keys.find("new") is None
    assert published.fetches == 2


async def test_a_rotated_key_is_found(keys: SigningKeys, published: Published, clock: Hand) -> None:
    await keys.find("old")
    published.document = {"keys": OLD.jwks()["keys"] + NEW.jwks()["keys"]}
    clock.seconds += 61
    assert await keys.find("new") == NEW.key.public_key()


async def test_a_withdrawn_key_is_forgotten_within_the_hour(
    keys: SigningKeys, published: Published, clock: Hand
) -> None:
    await keys.find("old")
    published.document = NEW.jwks()
    clock.seconds += 3601
    assert await keys.find("old") is None


@pytest.mark.parametrize("nonsense", [None, [], {}, {"keys": None}, {"keys": [{}]}, "keys"])
async def test_stale_keys_stay_in_use_while_fetching_fails(
    keys: SigningKeys, published: Published, clock: Hand, nonsense: object
) -> None:
    await keys.find("old")
    published.away = nonsense is None
    published.document = nonsense
    clock.seconds += 7200
    assert await keys.find("old") == OLD.key.public_key()
    assert await keys.find("old") == OLD.key.public_key()
    assert published.fetches == 2, "not asked again at once"


async def test_without_any_keys_the_answer_is_try_later(keys: SigningKeys, published: Published, clock: Hand) -> None:
    published.away = True
    for _ in range(10):
        with pytest.raises(Transient):
            await keys.find("old")
    assert published.fetches == 1
    published.away = False
    clock.seconds += 1
    assert await keys.find("old") is not None


def test_only_usable_keys_are_taken() -> None:
    for changes in ({"use": "enc"}, {"alg": "RS512"}, {"kty": "oct"}, {"kid": 7}, {"n": "!!"}, {"n": ""}):
        assert parse_keys(OLD.jwks(**changes)) == {}
    assert set(parse_keys(OLD.jwks())) == {"old"}


def test_short_keys_are_not_taken() -> None:
    assert parse_keys(Issuer("short", new_key(1024)).jwks()) == {}

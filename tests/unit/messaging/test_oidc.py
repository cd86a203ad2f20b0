"""Every way of lying about who calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import jwt
import pytest
from unit.messaging.conftest import AUDIENCE, EMAIL, Issuer

from core.errors import CallmineError, Forbidden, Transient, Unauthenticated
from messaging.oidc import GoogleOidc, OidcSettings
from testkit.clock import SimulatedClock

SETTINGS = OidcSettings(audience=AUDIENCE, emails={EMAIL})


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def oidc(issuer: Issuer, clock: SimulatedClock) -> GoogleOidc:
    issuer.asked = 0
    return GoogleOidc(SETTINGS, issuer.keys, clock)


async def test_a_true_token_tells_who_calls(oidc: GoogleOidc, issuer: Issuer) -> None:
    assert await oidc.verify(f"Bearer {issuer.token()}") == EMAIL


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"aud": "https://analysis.example.com"}, Unauthenticated),
        ({"aud": None}, Unauthenticated),
        ({"iss": "https://accounts.example.com"}, Unauthenticated),
        ({"iss": None}, Unauthenticated),
        ({"exp": int(time.time()) - 60}, Unauthenticated),
        ({"exp": None}, Unauthenticated),
        ({"iat": int(time.time()) + 86_400}, Unauthenticated),
        ({"email": "somebody@else.iam.gserviceaccount.com"}, Forbidden),
        ({"email": None}, Forbidden),
        ({"email_verified": False}, Forbidden),
        ({"email_verified": "true"}, Forbidden),
        ({"email_verified": None}, Forbidden),
    ],
)
async def test_a_token_with_one_wrong_claim_is_refused(
    oidc: GoogleOidc, issuer: Issuer, changes: dict[str, object], error: type[CallmineError]
) -> None:
    with pytest.raises(error):
        await oidc.verify(f"Bearer {issuer.token(**changes)}")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer not.a.token", "Bearer a"])
async def test_a_header_without_a_token_is_refused(oidc: GoogleOidc, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await oidc.verify(header)


async def test_a_token_signed_by_somebody_else_is_refused(oidc: GoogleOidc, stranger: Callable[..., str]) -> None:
    with pytest.raises(Unauthenticated):
        await oidc.verify(f"Bearer {stranger()}")


async def test_unsigned_and_symmetric_tokens_are_refused(oidc: GoogleOidc, issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    public = json.loads(await issuer.keys())["keys"][0]["n"].encode()
    for token in (
        jwt.encode(claims, "", "none", headers={"kid": issuer.key_id}),
        jwt.encode(claims, public, "HS256", headers={"kid": issuer.key_id}),
    ):
        with pytest.raises(Unauthenticated):
            await oidc.verify(f"Bearer {token}")


async def test_keys_are_read_once_an_hour(oidc: GoogleOidc, issuer: Issuer, clock: SimulatedClock) -> None:
    for _ in range(3):
        await oidc.verify(f"Bearer {issuer.token()}")
    assert issuer.asked == 1
    await clock.advance(3601)
    await oidc.verify(f"Bearer {issuer.token()}")
    assert issuer.asked == 2


async def test_invented_key_ids_do_not_make_us_ask_again_and_again(
    oidc: GoogleOidc, issuer: Issuer, clock: SimulatedClock
) -> None:
    invented = Issuer("invented").token()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await oidc.verify(f"Bearer {invented}")
    assert issuer.asked == 1
    await clock.advance(61)
    with pytest.raises(Unauthenticated):
        await oidc.verify(f"Bearer {invented}")
    assert issuer.asked == 2


async def test_while_the_issuer_is_away_known_keys_go_on(issuer: Issuer, clock: SimulatedClock) -> None:
    away = False

    async def fetch() -> bytes:
        if away:
            raise Transient("the issuer is away")
        return await issuer.keys()

    oidc = GoogleOidc(SETTINGS, fetch, clock)
    await oidc.verify(f"Bearer {issuer.token()}")
    away = True
    await clock.advance(7200)
    assert await oidc.verify(f"Bearer {issuer.token()}") == EMAIL


async def test_without_any_key_the_caller_is_told_to_come_back(issuer: Issuer) -> None:
    async def garbage() -> bytes:
        return b"<html>"

    with pytest.raises(Transient):
        await GoogleOidc(SETTINGS, garbage).verify(f"Bearer {issuer.token()}")

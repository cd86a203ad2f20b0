"""Session tokens: the genuine one passes, each way of lying fails."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from unit.web.issuer import ISSUER, PARTY, Issuer, claims_v2

from core.clock import SystemClock
from core.errors import Forbidden, Unauthenticated
from web.clerk import ClerkSessions
from web.keys import SigningKeys


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def sessions(issuer: Issuer) -> ClerkSessions:
    async def fetch() -> object:
        return issuer.jwks()

    return ClerkSessions(SigningKeys(fetch, SystemClock()), ISSUER, (PARTY, "https://other.callmine.example"))


async def test_a_genuine_token_opens_a_session(sessions: ClerkSessions, issuer: Issuer) -> None:
    session = await sessions.session(issuer.token(), from_cookie=True)
    assert session.workspace_id == "org_2abc"
    assert session.is_admin


async def test_clocks_may_differ_by_a_few_seconds(sessions: ClerkSessions, issuer: Issuer) -> None:
    now = int(time.time())
    await sessions.session(issuer.token(exp=now - 2, nbf=now + 2, iat=now + 2), from_cookie=True)


def _unsigned(claims: dict[str, object], key_id: str, algorithm: str = "none") -> str:
    parts = [{"alg": algorithm, "typ": "JWT", "kid": key_id}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


def _by_public_key(issuer: Issuer) -> str:
    """Signed with HMAC, the published key being the secret: the classic confusion of algorithms."""
    public = issuer.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = _unsigned(claims_v2(), issuer.key_id, "HS256")
    signature = hmac.new(public, signed.rstrip(".").encode(), "sha256").digest()
    return signed + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def _tampered(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["o"]["id"] = "org_other"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


_NOW = int(time.time())

LIES: dict[str, Callable[[Issuer], str]] = {
    "missing": lambda issuer: "",
    "not a token": lambda issuer: "eyJ.garbage.x",
    "not text a token could hold": lambda issuer: "\x00\udcff.\udcff.\udcff",
    "far too long": lambda issuer: issuer.token(pad="x" * 9000),
    "expired": lambda issuer: issuer.token(exp=_NOW - 60),
    "not yet valid": lambda issuer: issuer.token(nbf=_NOW + 86_400),
    "another issuer": lambda issuer: issuer.token(iss="https://clerk.evil.example"),
    "issuer with a slash": lambda issuer: issuer.token(iss=ISSUER + "/"),
    "another party": lambda issuer: issuer.token(azp="https://evil.example"),
    "party is a list": lambda issuer: issuer.token(azp="https://app.callmine.example.evil.example"),
    "no party": lambda issuer: issuer.token(without=("azp",)),
    "no expiry": lambda issuer: issuer.token(without=("exp",)),
    "no issuer": lambda issuer: issuer.token(without=("iss",)),
    "no subject": lambda issuer: issuer.token(without=("sub",)),
    "unsigned": lambda issuer: _unsigned(claims_v2(), issuer.key_id),
    "signed with the public key": _by_public_key,
    "signed by somebody else under our key id": lambda issuer: Issuer(issuer.key_id).token(),
    "key id unknown": lambda issuer: Issuer("ins_2", issuer.key).token(),
    "key id missing": lambda issuer: jwt.encode(claims_v2(), issuer.key, algorithm="RS256"),
    "another algorithm of the family": lambda issuer: jwt.encode(
        claims_v2(), issuer.key, algorithm="RS512", headers={"kid": issuer.key_id}
    ),
    "tampered with": lambda issuer: _tampered(issuer.token()),
    "signature cut off": lambda issuer: issuer.token().rsplit(".", 1)[0] + ".",
    "sign-in pending": lambda issuer: issuer.token(sts="pending"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_every_way_of_lying_is_no_session(sessions: ClerkSessions, issuer: Issuer, lie: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await sessions.session(LIES[lie](issuer), from_cookie=True)
    assert "ins_" not in str(caught.value)


async def test_a_genuine_token_without_a_workspace_is_forbidden(sessions: ClerkSessions, issuer: Issuer) -> None:
    with pytest.raises(Forbidden, match="workspace"):
        await sessions.session(issuer.token(without=("o",)), from_cookie=True)

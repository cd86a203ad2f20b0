"""An issuer of session tokens in Clerk's form, and settings that trust it."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pydantic import SecretStr

from web import ServiceSettings

ISSUER = "https://clerk.callmine.example"
PARTY = "https://app.callmine.example"


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Issuer:
    """Signs tokens; `jwks` is what it publishes."""

    def __init__(self, key_id: str = "ins_1", key: rsa.RSAPrivateKey | None = None) -> None:
        self.key_id = key_id
        self.key = key or new_key()

    def jwks(self, **changes: object) -> dict[str, list[dict[str, object]]]:
        published = dict(RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True))
        return {"keys": [published | {"kid": self.key_id, "use": "sig", "alg": "RS256"} | changes]}

    def token(self, *, headers: dict[str, Any] | None = None, without: tuple[str, ...] = (), **changes: object) -> str:
        claims = claims_v2() | changes
        kept = {name: value for name, value in claims.items() if name not in without}
        return jwt.encode(kept, self.key, algorithm="RS256", headers={"kid": self.key_id} | (headers or {}))


def common_claims() -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "azp": PARTY,
        "sub": "user_2abc",
        "sid": "sess_2abc",
        "iat": now,
        "nbf": now - 10,
        "exp": now + 60,
    }


def claims_v1(role: str = "org:admin") -> dict[str, object]:
    return common_claims() | {"org_id": "org_2abc", "org_slug": "harborline", "org_role": role}


def claims_v2(role: str = "admin") -> dict[str, object]:
    return common_claims() | {"v": 2, "o": {"id": "org_2abc", "slg": "harborline", "rol": role}}


def settings(**changes: object) -> ServiceSettings:
    given: dict[str, object] = {
        "project": "callmine-test",
        "port": 0,
        "app_database_url": SecretStr("postgresql://app"),
        "sweep_database_url": SecretStr("postgresql://sweep"),
        "bucket": "calls",
        "clerk_issuer": ISSUER,
        "clerk_jwks_url": f"{ISSUER}/.well-known/jwks.json",
        "clerk_authorized_parties": PARTY,
        "sign_in_url": "https://accounts.callmine.example/sign-in",
        "public_url": PARTY,
    }
    return ServiceSettings.model_validate(given | changes)

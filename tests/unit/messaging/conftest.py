"""An issuer of identity tokens in place of Google."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "https://retention.example.com"
EMAIL = "pubsub-push@callmine.iam.gserviceaccount.com"


class Issuer:
    """Signs tokens and publishes its key, counting how often it is asked for it."""

    def __init__(self, key_id: str = "first") -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = key_id
        self.asked = 0

    async def keys(self) -> bytes:
        self.asked += 1
        described = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return json.dumps({"keys": [{**described, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}).encode()

    def token(self, **changes: object) -> str:
        """A token that passes, but for `changes`; a claim set to None is left out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "email": EMAIL,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        }
        claims |= changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self._key, "RS256", headers={"kid": self.key_id})


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def stranger() -> Callable[..., str]:
    """Tokens that look the same, signed by somebody else."""
    return Issuer().token

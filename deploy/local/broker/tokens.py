"""Push tokens as Google signs them: RS256, the issuer accounts.google.com, keys published as a JWK set.

The key pair is made once and kept in the broker's directory (owner-only), so tokens stay valid over restarts.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.broker.clock import Clock

ISSUER = "https://accounts.google.com"
LIFETIME_SECONDS = 3600
"""Google's push tokens are valid for an hour (cloud.google.com/pubsub/docs/authenticate-push-subscriptions)."""
REUSE_SECONDS = 1800
"""A signed token serves this long before a new one is made; signing costs about a millisecond."""
KEY_BITS = 2048


class PushSigner:
    """Signs tokens for push deliveries."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._clock = clock
        self._key = _load_or_create(directory / "push-key.pem")
        self._jwk = _public_jwk(self._key)
        self._signed: dict[tuple[str, str], tuple[float, str]] = {}

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, in the form Google serves at /oauth2/v3/certs."""
        return {"keys": [self._jwk]}

    def token(self, audience: str, email: str) -> str:
        """A token for `audience` in the name of the service account `email`; reused for half its life."""
        now = self._clock.now()
        made, token = self._signed.get((audience, email), (0.0, ""))
        if token and now - made < REUSE_SECONDS:
            return token
        token = jwt.encode(_claims(audience, email, now), self._key, "RS256", headers={"kid": self._jwk["kid"]})
        self._signed[audience, email] = (now, token)
        return token


def _claims(audience: str, email: str, now: float) -> dict[str, Any]:
    # Google's `sub` is the account's numeric id; here it is derived from the address, so that it is stable.
    subject = str(int.from_bytes(hashlib.sha256(email.encode()).digest()[:8], "big"))
    return {
        "iss": ISSUER,
        "aud": audience,
        "azp": subject,
        "sub": subject,
        "email": email,
        "email_verified": True,
        "iat": int(now),
        "exp": int(now) + LIFETIME_SECONDS,
    }


def _load_or_create(path: Path) -> rsa.RSAPrivateKey:
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{path.name} holds no RSA key. Delete it; a new one is made at the next start.")
        return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return key


def _public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    described = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    kid = hashlib.sha256(f"{described['n']}.{described['e']}".encode()).hexdigest()[:40]
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": described["n"], "e": described["e"]}

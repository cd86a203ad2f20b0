"""The RSA key that signs session tokens, kept on disk so that a restart signs nobody out."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_BITS = 2048
"""What Clerk's instances use."""
KEY_FILE = "clerk_signing_key.pem"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id under which its public half is published."""

    private: rsa.RSAPrivateKey
    key_id: str

    def sign(self, claims: dict[str, object]) -> str:
        """The claims as an RS256 token."""
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.key_id})

    def public_jwk(self) -> dict[str, object]:
        """The public half as a JSON Web Key."""
        numbers: dict[str, object] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id, "n": numbers["n"], "e": numbers["e"]}


def new_key() -> SigningKey:
    """A fresh key under the id that follows from its public half."""
    return _named(rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS))


def kept_key(data_dir: Path) -> SigningKey:
    """The key kept in ``data_dir``, readable by its owner only; made at the first start."""
    path = data_dir / KEY_FILE
    if path.exists():
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise TypeError(f"{path} holds no RSA key; delete it and a new one is made")
        return _named(loaded)
    key = new_key()
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    data_dir.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    return key


def _named(private: rsa.RSAPrivateKey) -> SigningKey:
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return SigningKey(private, f"ins_{hashlib.sha256(public).hexdigest()[:27]}")

"""How a credential travels in a message: sealed with HPKE (RFC 9180) to the one service that may open it.

    sealed = seal(SealedTo.parse(public_key), secret, binding)         # credential-vault
    secret = SealingKeys.parse(private_keys).open(sealed, key_id, binding)     # ingest, analysis

The key encapsulation is the hybrid of ML-KEM-768 and X25519, since sealed messages are retained: what is recorded today must stay closed
to a quantum computer later. The binding is HPKE's `info`: a sealed message moved to another workspace, grant, provider, requester or
expiry does not open. Needs the extra `contracts[sealing]`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from msgspec import Struct

from core.errors import InvalidInput, Permanent
from core.ids import WorkspaceId

# FIPS 203, table 3: an ML-KEM-768 encapsulation key has 1,184 bytes; its seed (d, z) has 64. RFC 7748: X25519 keys have 32.
_MLKEM_PUBLIC, _MLKEM_SEED, _X25519 = 1184, 64, 32

# Names the construction inside the binding, so that a later one cannot be confused with this one.
_CONSTRUCTION = "callmine.sealed-credential.v1"


class CannotOpen(Permanent):
    """The sealed message was not made for this key, or not for this grant."""

    problem = "cannot-open"


class Binding(Struct, frozen=True):
    """What a sealed credential is tied to."""

    workspace_id: WorkspaceId
    grant_id: str
    provider: str
    requester: str
    expires_at: datetime

    def info(self) -> bytes:
        """The binding as bytes: a JSON array, unambiguous whatever its parts contain."""
        parts = [_CONSTRUCTION, self.workspace_id, self.grant_id, self.provider, self.requester]
        return json.dumps([*parts, int(self.expires_at.timestamp())], separators=(",", ":")).encode()


class SealedTo(Struct, frozen=True):
    """The public half of a service's sealing key; the vault pins it in its configuration."""

    key: MLKEM768X25519PublicKey
    key_id: str

    @classmethod
    def parse(cls, text: str) -> SealedTo:
        """Read the base64 text that `SealingKey.public_text` gives. Raises InvalidInput."""
        raw = _decode(text, _MLKEM_PUBLIC + _X25519)
        mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC])
        x25519 = X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:])
        return cls(MLKEM768X25519PublicKey(mlkem, x25519), hashlib.sha256(raw).hexdigest()[:16])


class SealingKey(Struct, frozen=True):
    """A service's sealing key, kept in Secret Manager; its repr shows the id only."""

    _mlkem: MLKEM768PrivateKey
    _x25519: X25519PrivateKey

    @classmethod
    def generate(cls) -> SealingKey:
        """A new key from the operating system's randomness."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> SealingKey:
        """Read the base64 text that `private_text` gives. Raises InvalidInput, which does not quote it."""
        raw = _decode(text, _MLKEM_SEED + _X25519)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED])
        return cls(mlkem, X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:]))

    def private_text(self) -> str:
        """The private half as base64: goes into Secret Manager and nowhere else."""
        return base64.b64encode(self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw()).decode()

    def public_text(self) -> str:
        """The public half as base64, for the vault's configuration."""
        mlkem = self._mlkem.public_key().public_bytes_raw()
        return base64.b64encode(mlkem + self._x25519.public_key().public_bytes_raw()).decode()

    @property
    def key_id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the public half."""
        return SealedTo.parse(self.public_text()).key_id

    def open(self, sealed: bytes, binding: Binding) -> bytes:
        """The plaintext. Raises CannotOpen when it was sealed to another key or for another grant, or was altered."""
        key = MLKEM768X25519PrivateKey(self._mlkem, self._x25519)
        try:
            return _suite().decrypt(sealed, key, info=binding.info())
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("the sealed credential does not open: it was made for another key or grant") from error

    def __repr__(self) -> str:
        """Never the key."""
        return f"SealingKey({self.key_id})"


class SealingKeys(Struct, frozen=True):
    """A service's sealing keys by id: one, or two while a new one takes the place of another. The repr shows the ids only."""

    _keys: Mapping[str, SealingKey]

    @classmethod
    def parse(cls, text: str) -> SealingKeys:
        """Read private keys, one a line. Raises InvalidInput, which quotes none, for no key at all and for a line that is none."""
        keys = [SealingKey.parse(line.strip()) for line in text.splitlines() if line.strip()]
        if not keys:
            raise InvalidInput("there is no sealing key")
        return cls({key.key_id: key for key in keys})

    def open(self, sealed: bytes, key_id: str, binding: Binding) -> bytes:
        """The plaintext. Raises CannotOpen when `key_id` is none of these, and as `SealingKey.open` does."""
        key = self._keys.get(key_id)
        if key is None:
            raise CannotOpen("the sealed credential does not open: it was made for a key that is not here")
        return key.open(sealed, binding)

    def __repr__(self) -> str:
        """Never a key."""
        return f"SealingKeys({', '.join(self._keys)})"


def seal(to: SealedTo, plaintext: bytes, binding: Binding) -> bytes:
    """Seal `plaintext` so that only the owner of the key opens it, and only for what `binding` says."""
    return _suite().encrypt(plaintext, to.key, info=binding.info())


def _suite() -> Suite:
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _decode(text: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("the sealing key is not base64") from error
    if len(raw) != length:
        raise InvalidInput(f"the sealing key has {len(raw)} bytes instead of {length}")
    return raw

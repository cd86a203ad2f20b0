"""Signs certificates: a DSSE envelope around an in-toto statement, with Ed25519 keys of this purpose alone.

The keys are written as the audit log's (`PRIVATE+KEY+name+id+base64`, one on a line, the newest first). All of them sign, so that who keeps
an older public key goes on verifying while keys change.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from cloud.secrets import Secrets
from core.errors import NotFound, Transient
from core.log import logger
from retention.evidence import PAYLOAD_TYPE, EvidenceKey, signed_bytes

SECRET = "erasure-certificate-key"  # noqa: S105 - the name of the secret, not the secret

_PREFIX = "PRIVATE+KEY+"
_ED25519 = b"\x01"

log = logger("retention.certificates")


class NotSetUp(Transient):
    """A key that this needs is not there, or is none: our team has to look at it."""


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A private key, and the public one that goes with it."""

    key: Ed25519PrivateKey
    public: EvidenceKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PRIVATE+KEY+name+id+base64`. Raises ValueError, which quotes nothing of it."""
        prefix, _, rest = text.strip().partition(_PREFIX)
        try:
            name, key_id, data = rest.split("+", 2)
            raw = base64.b64decode(data, validate=True)
        except (ValueError, binascii.Error):
            raise ValueError(f"the secret {SECRET} holds no signing key") from None
        if prefix or not name or raw[:1] != _ED25519 or len(raw) != 33:
            raise ValueError(f"the secret {SECRET} holds no signing key")
        key = Ed25519PrivateKey.from_private_bytes(raw[1:])
        signer = cls(key, EvidenceKey(name, key.public_key().public_bytes_raw()))
        if signer.public.id != key_id:
            raise ValueError(f"the secret {SECRET} holds no signing key: its id does not fit")
        return signer


def envelope(payload: bytes, signers: Sequence[Signer]) -> str:
    """The signed statement, on one line."""
    message = signed_bytes(PAYLOAD_TYPE, payload)
    content = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": one.public.id, "sig": base64.b64encode(one.key.sign(message)).decode()} for one in signers
        ],
    }
    return json.dumps(content, separators=(",", ":"))


class CertificateKeys(Struct, frozen=True):
    """The keys, read when they are needed."""

    secrets: Secrets

    async def signers(self) -> list[Signer]:
        """The keys, the newest first. Raises NotSetUp, Permanent, Transient."""
        try:
            text = (await self.secrets.read(SECRET)).decode()
            found = [Signer.parse(line) for line in text.splitlines() if line.strip()]
        except (NotFound, ValueError):
            found = []
        if not found:
            log.error("the secret with the keys of certificates does not exist, or holds none", missing=SECRET)
            raise NotSetUp("Certificates are not set up here. Our team has to look at it.", retry_after=300)
        return found

    async def public(self) -> list[str]:
        """The public halves, as they are published. Raises as `signers`."""
        return [one.public.text for one in await self.signers()]

"""Signs evidence: a DSSE envelope around an in-toto statement, with the Ed25519 key that Secret Manager holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud.endpoint import Endpoint
from cloud.secrets import GoogleSecrets
from local.stack import Stack
from local.stack.environment import EVIDENCE_SECRET, PROJECT
from retention.domain.promises import Evidence
from retention.evidence import PAYLOAD_TYPE, EvidenceKey, signed_bytes, statement

SECRET = "trust-evidence-key"

_PREFIX = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """The key that evidence is signed with."""

    key: Ed25519PrivateKey
    public: EvidenceKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PRIVATE+KEY+name+id+base64`. Raises ValueError, which quotes nothing of it."""
        name, _, data = text.strip().removeprefix(_PREFIX).split("+", 2)
        raw = base64.b64decode(data, validate=True)
        if not text.startswith(_PREFIX) or raw[:1] != b"\x01" or len(raw) != 33:
            raise ValueError(f"the secret {EVIDENCE_SECRET} holds no signing key")
        key = Ed25519PrivateKey.from_private_bytes(raw[1:])
        return cls(key, EvidenceKey(name, key.public_key().public_bytes_raw()))

    def envelope(self, evidence: Evidence, images: Mapping[str, str]) -> str:
        """The signed evidence, on one line."""
        payload = statement(evidence, dict(images))
        signature = self.key.sign(signed_bytes(PAYLOAD_TYPE, payload))
        content = {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": self.public.id, "sig": base64.b64encode(signature).decode()}],
        }
        return json.dumps(content, separators=(",", ":"))


async def signer_of(stack: Stack) -> Signer:
    """The signer, its key read from the stack's Secret Manager as an operator: no service may."""
    site = stack.site
    place = Endpoint(
        address=f"127.0.0.1:{site.ports['secrets']}", ca_file=site.authority.ca_file, token=site.keys.admin_token
    )
    secrets = GoogleSecrets(project=PROJECT, endpoint=place)
    try:
        return Signer.parse((await secrets.read(EVIDENCE_SECRET)).decode())
    finally:
        await secrets.close()

"""Everything secret on one machine: made at the first start, kept in one owner-only file."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import registry
from contracts.sealing import SealingKey
from local.postgres import Passwords

WORKSPACES = ("harborline", "quillstone")
OAUTH_PROVIDERS = ("gong", "hubspot", "slack")
# Clerk's has its own form; HubSpot signs with the application's client secret, Gong with a key for each rule.
WEBHOOK_SENDERS = ("stripe", "slack")


def _token() -> str:
    return secrets.token_urlsafe(24)


def _signing_key(name: str) -> str:
    """A signing key as Go's sumdb/note writes it: PRIVATE+KEY+name+id+base64(type, seed)."""
    key = Ed25519PrivateKey.generate()
    key_id = sha256(name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]
    seed = base64.b64encode(b"\x01" + key.private_bytes_raw()).decode()
    return f"PRIVATE+KEY+{name}+{key_id.hex()}+{seed}"


@dataclass(frozen=True, slots=True, repr=False)
class GongKey:
    """The access key of one Gong tenant of the sandbox."""

    access_key: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(40))


@dataclass(frozen=True, slots=True, repr=False)
class OAuthApplication:
    """The application under which Callmine is registered with one of the sandbox's providers."""

    client_id: str = field(default_factory=lambda: f"callmine-{secrets.token_hex(6)}")
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Keys of the stand-ins and of the services."""

    admin_token: str = field(default_factory=_token)
    service_tokens: dict[str, str] = field(default_factory=lambda: {name: _token() for name in registry.SERVICES})
    passwords: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            name: {role: _token() for role in ("owner", "app", "sweep")} for name in registry.SERVICES
        }
    )
    staff_passwords: dict[str, str] = field(default_factory=lambda: {name: _token() for name in registry.STAFFED})
    gong: dict[str, dict[str, str]] = field(default_factory=lambda: {name: asdict(GongKey()) for name in WORKSPACES})
    openai_api_key: str = field(default_factory=lambda: f"sk-sandbox-{_token()}")
    anthropic_api_key: str = field(default_factory=lambda: f"sk-ant-sandbox-{_token()}")
    clerk_webhook_secret: str = field(
        default_factory=lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    )
    webhook_secrets: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_hex(16) for name in WEBHOOK_SENDERS}
    )
    clerk_secret_key: str = field(default_factory=lambda: f"sk_sandbox_{_token()}")
    stripe_secret_key: str = field(default_factory=lambda: f"sk_sandbox_{_token()}")
    sealing: dict[str, str] = field(
        default_factory=lambda: {name: SealingKey.generate().private_text() for name in registry.REQUESTERS}
    )
    link_key: str = field(default_factory=_token)
    log_key: str = field(default_factory=lambda: _signing_key("callmine.ai/audit"))
    evidence_key: str = field(default_factory=lambda: _signing_key("callmine.ai/trust"))
    certificate_key: str = field(default_factory=lambda: _signing_key("callmine.ai/erasures"))
    erasure_link_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    oauth: dict[str, dict[str, str]] = field(
        default_factory=lambda: {name: asdict(OAuthApplication()) for name in OAUTH_PROVIDERS}
    )

    @classmethod
    def kept(cls, path: Path) -> Self:
        """The keys in `path`. Those that are not there yet, all of them at the first start, are made and kept."""
        text = path.read_text() if path.exists() else "{}"
        known = json.loads(text)
        # A service that asks for grants since then.
        for name in registry.REQUESTERS if "sealing" in known else ():
            known["sealing"].setdefault(name, SealingKey.generate().private_text())
        keys = cls(**known)
        if json.loads(text) == asdict(keys):
            return keys
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".partial")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(keys), file)
        draft.replace(path)
        return keys

    @property
    def evidence_public_key(self) -> str:
        """The public half of the key that evidence is signed with: name+id+base64."""
        name, key_id, data = self.evidence_key.removeprefix("PRIVATE+KEY+").split("+", 2)
        public = Ed25519PrivateKey.from_private_bytes(base64.b64decode(data)[1:]).public_key().public_bytes_raw()
        return f"{name}+{key_id}+{base64.b64encode(bytes([1]) + public).decode()}"

    def database_passwords(self, service: str) -> Passwords:
        """The passwords of the service's database roles."""
        return Passwords(**self.passwords[service], staff=self.staff_passwords.get(service, ""))

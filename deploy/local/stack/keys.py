"""Everything secret on one machine: made at the first start, kept in one owner-only file."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from contracts import registry
from contracts.sealing import SealingKey
from local.postgres import Passwords

WORKSPACES = ("harborline", "quillstone")


def _token() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True, repr=False)
class GongKey:
    """The access key of one Gong tenant of the sandbox."""

    access_key: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(40))


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
    gong: dict[str, dict[str, str]] = field(default_factory=lambda: {name: asdict(GongKey()) for name in WORKSPACES})
    openai_api_key: str = field(default_factory=lambda: f"sk-sandbox-{_token()}")
    anthropic_api_key: str = field(default_factory=lambda: f"sk-ant-sandbox-{_token()}")
    clerk_webhook_secret: str = field(
        default_factory=lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    )
    sealing: dict[str, str] = field(
        default_factory=lambda: {name: SealingKey.generate().private_text() for name in registry.REQUESTERS}
    )

    @classmethod
    def kept(cls, path: Path) -> Self:
        """The keys in `path`, made there when it does not exist."""
        if path.exists():
            return cls(**json.loads(path.read_text()))
        keys = cls()
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".partial")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(keys), file)
        draft.replace(path)
        return keys

    def database_passwords(self, service: str) -> Passwords:
        """The passwords of the service's three database roles."""
        return Passwords(**self.passwords[service])

"""What a grant holds: how to reach one company's Gong, for as long as the grant lasts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import Permanent


class _Granted(BaseModel):
    # The parser keeps short strings for the next document unless told not to: the credential would stay for the life of the process.
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", cache_strings="none")

    kind: Literal["basic", "bearer"]
    base_url: str = Field(pattern=r"^https://")
    access_key: str = ""
    secret: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """In memory for the length of a job only; the repr shows nothing of it."""

    base_url: str
    expires_at: datetime
    auth: tuple[str, str] | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, plaintext: bytes, expires_at: datetime) -> Credential:
        """Read what the vault sealed. Raises Permanent, which quotes nothing of it."""
        try:
            granted = _Granted.model_validate_json(plaintext)
        except ValidationError:
            granted = None
        if granted is None or not (granted.token or (granted.access_key and granted.secret)):
            raise Permanent(
                "the credential for Gong is not one ingest can use; reconnect Gong in Settings > Integrations"
            )
        pair = (granted.access_key, granted.secret) if granted.kind == "basic" else None
        return cls(granted.base_url.rstrip("/"), expires_at, pair, granted.token)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that authenticate a request, where basic authentication does not."""
        return {} if self.auth else {"Authorization": f"Bearer {self.token}"}

    @property
    def company(self) -> str:
        """A name for whose limits count: the same for the same key, and no way back to it."""
        identity = self.auth[0] if self.auth else self.token
        return hashlib.sha256(f"{self.base_url} {identity}".encode()).hexdigest()[:16]

    def redact(self, text: str) -> str:
        """`text` without the credential, should the provider quote it."""
        for secret in (*(self.auth or ()), self.token):
            text = text.replace(secret, "…") if secret else text
        return text

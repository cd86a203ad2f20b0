"""What a grant for HubSpot holds: an access token of one account, for as long as the grant lasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import Permanent


class _Granted(BaseModel):
    # The parser keeps short strings for the next document unless told not to: the token would stay for the life of the process.
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", cache_strings="none")

    kind: Literal["bearer"]
    # Empty where the vault knows of the usual address only.
    base_url: str = Field(default="", pattern=r"^(https://|$)")
    token: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Credential:
    """In memory for the length of a job only; the repr shows nothing of it. `base_url` is empty for the destination's own."""

    base_url: str
    expires_at: datetime
    token: str = field(repr=False)

    @classmethod
    def parse(cls, plaintext: bytes, expires_at: datetime) -> Credential:
        """Read what the vault sealed. Raises Permanent, which quotes nothing of it."""
        try:
            granted = _Granted.model_validate_json(plaintext)
        except ValidationError:
            raise Permanent(
                "the credential for HubSpot is not one ingest can use; reconnect HubSpot in Settings > Integrations"
            ) from None
        return cls(granted.base_url.rstrip("/"), expires_at, granted.token)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that authenticate a request."""
        return {"Authorization": f"Bearer {self.token}"}

    def redact(self, text: str) -> str:
        """`text` without the token, should HubSpot quote it."""
        return text.replace(self.token, "…")

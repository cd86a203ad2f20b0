"""What to sign with: the vault grants it, sealed to this service, for half an hour at most, and journals each grant before it is made."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.sealing import Binding, CannotOpen, SealingKeys
from core.errors import Permanent
from core.ids import WorkspaceId

# Who asks the vault, and for what: parts of what a grant is bound to.
REQUESTER, PROVIDER = "audit", "siem"

# A grant that ends sooner is not used: a message that is on its way is signed with what counts.
MARGIN: Final = timedelta(seconds=30)
# A question that has not been answered for so long is asked again.
PATIENCE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """A grant as it is kept; nobody but this service's sealing key opens it."""

    grant_id: uuid.UUID
    sealed: bytes = field(repr=False)
    key_id: str
    expires_at: datetime


class Grant(Struct, frozen=True):
    """What is known of a workspace's grant. `denied` is the vault's last word, empty where it was yes."""

    sealed: SealedGrant | None = None
    asked: bool = False
    denied: str = ""

    def usable(self, now: datetime) -> SealedGrant | None:
        """What may be signed with at `now`."""
        return self.sealed if self.sealed and self.sealed.expires_at > now + MARGIN else None


class _Granted(BaseModel):
    # The parser keeps short strings for the next document unless told not to: the secret would stay for the life of the process.
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", cache_strings="none")

    kind: Literal["signing"]
    secrets: Annotated[list[str], Field(min_length=1, max_length=2)]


@dataclass(frozen=True, slots=True)
class Secrets:
    """In memory for the length of one message only; the repr shows none of them."""

    all: tuple[str, ...] = field(repr=False)


class Door(Struct, frozen=True):
    """Opens grants."""

    keys: SealingKeys

    def open(self, workspace_id: WorkspaceId, grant: SealedGrant) -> Secrets:
        """What the vault sealed, the newest first. Raises Permanent, which quotes nothing of it."""
        binding = Binding(workspace_id, str(grant.grant_id), PROVIDER, REQUESTER, grant.expires_at)
        try:
            granted = _Granted.model_validate_json(self.keys.open(grant.sealed, grant.key_id, binding))
        except (CannotOpen, ValidationError) as error:
            # Without the cause: a validation error may quote the secret.
            raise Permanent(f"the signing secret cannot be used ({type(error).__name__})") from None
        return Secrets(tuple(granted.secrets))

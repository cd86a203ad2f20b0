"""What a grant holds: a token for one workspace's Slack, and whom to tell there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.domain.notices import SealedGrant
from contracts.sealing import Binding, CannotOpen, SealingKeys
from core.errors import Permanent
from core.ids import WorkspaceId

# Who asks the vault: part of what a grant is bound to.
REQUESTER = "analysis"


class _Granted(BaseModel):
    # The parser keeps short strings for the next document unless told not to: the token would stay for the life of the process.
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", cache_strings="none")

    kind: Literal["bearer"]
    token: str = Field(min_length=1)
    provider_user: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """In memory for the length of one call only; the repr shows nothing of it.

    `person` is Slack's id of who connected, empty where the vault does not know it.
    """

    token: str = field(repr=False)
    person: str = field(default="", repr=False)


class Door(Struct, frozen=True):
    """Opens grants. An address in a grant is not read: the token goes to Slack's own host and nowhere else."""

    keys: SealingKeys

    def open(self, workspace_id: WorkspaceId, grant: SealedGrant) -> Credential:
        """What the vault sealed. Raises Permanent, which quotes nothing of it."""
        binding = Binding(workspace_id, str(grant.grant_id), "slack", REQUESTER, grant.expires_at)
        try:
            granted = _Granted.model_validate_json(self.keys.open(grant.sealed, grant.key_id, binding))
        except (CannotOpen, ValidationError) as error:
            # Without the cause: a validation error may quote the token.
            raise Permanent(f"the credential for Slack cannot be used ({type(error).__name__})") from None
        return Credential(granted.token, granted.provider_user)

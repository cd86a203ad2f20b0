"""The application under which Callmine is registered with a provider: its id from the settings, its secret from Secret Manager."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from cloud.secrets import Secrets
from core.errors import CallmineError, MissingSettings, NotFound, Transient
from credential_vault.domain.credentials import Provider
from credential_vault.providers.port import NotSpent

SERVICE = "credential-vault"


@dataclass(frozen=True, slots=True)
class Client:
    """The application's id and secret; the repr shows no secret."""

    client_id: str
    secret: str = field(repr=False)


class _Kept(BaseModel):
    """What the secret holds."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, cache_strings="none")

    client_id: str = ""
    client_secret: Annotated[SecretStr, Field(min_length=8, max_length=1024)]


def secret_name(provider: Provider) -> str:
    """The secret in Secret Manager: JSON with `client_secret`, and with `client_id` where both are to be changed at once."""
    return f"{provider.value}-oauth-client"


class Registration(Struct, frozen=True):
    """Reads the client of one provider. `secrets` keeps what it read for a few minutes: a new secret needs no restart."""

    provider: Provider
    client_id: str
    secrets: Secrets

    async def check(self) -> None:
        """Read the secret once. Raises MissingSettings when it is not there or not right; what Secret Manager raises otherwise."""
        try:
            await self._read()
        except NotFound:
            raise MissingSettings(SERVICE, [f"the secret {secret_name(self.provider)} does not exist"]) from None

    async def client(self) -> Client:
        """The client for a call that is about to be made. Raises NotSpent: without it nothing is sent."""
        try:
            return await self._read()
        except CallmineError as error:
            wait = error.retry_after if isinstance(error, Transient) else None
            raise NotSpent(f"Callmine's own registration with {self.provider.title} cannot be read.", wait) from None

    async def _read(self) -> Client:
        name = secret_name(self.provider)
        content = await self.secrets.read(name)
        try:
            kept = _Kept.model_validate_json(content)
        except ValidationError:
            raise MissingSettings(SERVICE, [f'the secret {name} is not {{"client_secret": "..."}} in JSON']) from None
        if kept.client_id not in {"", self.client_id}:
            variable = f"CALLMINE_{self.provider.name}_CLIENT_ID"
            raise MissingSettings(SERVICE, [f"{variable} and the client_id in the secret {name} differ"])
        return Client(self.client_id, kept.client_secret.get_secret_value())

"""Where the keyset comes from: Secret Manager, and Cloud KMS where it wraps what lies there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.kms import Kms
from cloud.secrets import SecretVersions
from core.errors import MissingSettings
from credential_vault.encryption.keyset import Keyset, NotAKeyset

SECRET: Final = "vault-keyset"  # noqa: S105 - the secret's name

# What Cloud KMS binds the wrapped keyset to: nothing else that the same key has encrypted is taken for it.
WRAPPING: Final = b"callmine.vault-keyset.v1"


class KeysetSource(Protocol):
    """Where a keyring reads its keyset."""

    async def read(self) -> Keyset:
        """The latest keyset, read just now. Raises MissingSettings, NotFound, Permanent, Transient."""
        ...


@dataclass(frozen=True, slots=True)
class KeysetSecret:
    """The secret `vault-keyset`. With `kms_key`, the resource name of a Cloud KMS key, its content is encrypted with that key.

    One call of KMS for each reading, none for a row. `secrets` must not keep what it has read.
    """

    secrets: SecretVersions
    kms: Kms | None = None
    kms_key: str = ""

    async def read(self) -> Keyset:
        """The latest version."""
        content = await self.secrets.read(SECRET)
        if self._wrap is not None and content.lstrip().startswith(b"{"):
            raise _wrong(
                "lies in the clear although CALLMINE_VAULT_KMS_KEY is set: run `callmine vault keys wrap` once"
            )
        return _parsed(await self._unwrapped(content))

    async def read_plain(self) -> Keyset:
        """The latest version as a keyset that is not wrapped yet."""
        return _parsed(await self.secrets.read(SECRET))

    async def write(self, keyset: Keyset) -> None:
        """Make `keyset` the latest version, and read it back. Raises what `read` does."""
        content = keyset.text.encode()
        if self._wrap is not None:
            content = await self._wrap(self.kms_key, content, WRAPPING)
        await self.secrets.add_version(SECRET, content)
        if (await self.read()).statuses != keyset.statuses:
            raise _wrong("was changed by somebody else in this moment: look at its versions in Secret Manager")

    @property
    def _wrap(self) -> Callable[[str, bytes, bytes], Awaitable[bytes]] | None:
        return self.kms.encrypt if self.kms is not None and self.kms_key else None

    async def _unwrapped(self, content: bytes) -> bytes:
        if self.kms is None or not self.kms_key:
            return content
        return await self.kms.decrypt(self.kms_key, content, WRAPPING)


def _parsed(content: bytes) -> Keyset:
    try:
        return Keyset.parse(content.decode(errors="replace"))
    except NotAKeyset as error:
        raise _wrong(f"is {error}") from None


def _wrong(what: str) -> MissingSettings:
    return MissingSettings("credential-vault", [f"the secret {SECRET} {what}"])

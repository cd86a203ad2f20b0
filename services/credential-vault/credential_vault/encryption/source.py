"""Where the keyset comes from: Secret Manager, and Cloud KMS where it wraps what lies there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from cloud.secrets import SecretVersions
from core.errors import Conflict, MissingSettings
from credential_vault.encryption.keyset import Keyset, NotAKeyset
from credential_vault.encryption.latest import put

if TYPE_CHECKING:
    from cloud.kms import Kms

SECRET: Final = "vault-keyset"  # noqa: S105 - the secret's name

# What Cloud KMS binds the wrapped keyset to: nothing else that the same key has encrypted is taken for it.
WRAPPING: Final = b"callmine.vault-keyset.v1"


class KeysetSource(Protocol):
    """Where a keyring reads its keyset."""

    async def read(self) -> Keyset:
        """The latest keyset, read just now. Raises MissingSettings, NotFound, Permanent, Transient."""
        ...


class KeysetSecret(Struct, frozen=True):
    """The secret `vault-keyset`. With `kms_key`, the resource name of a Cloud KMS key, its content is encrypted with that key.

    One call of KMS for each reading, none for a row. `secrets` must not keep what it has read.
    """

    secrets: SecretVersions
    kms: Kms | None = None
    kms_key: str = ""

    async def read(self) -> Keyset:
        """The latest version."""
        content = await self.secrets.read(SECRET)
        if self._kms is None:
            return _parsed(content)
        if _is_in_the_clear(content):
            raise _wrong(
                "lies in the clear although CALLMINE_VAULT_KMS_KEY is set: run `callmine vault keys wrap` once"
            )
        return _parsed(await self._kms.decrypt(self.kms_key, content, WRAPPING))

    async def read_plain(self) -> Keyset:
        """The latest version as a keyset that is not wrapped yet. Raises Conflict when there is nothing to wrap, or to wrap it with."""
        if self._kms is None:
            raise Conflict("no key of Cloud KMS is known: set CALLMINE_VAULT_KMS_KEY to its resource name first")
        content = await self.secrets.read(SECRET)
        if not _is_in_the_clear(content):
            raise Conflict(f"the secret {SECRET} does not lie in the clear: there is nothing to wrap")
        return _parsed(content)

    async def write(self, keyset: Keyset) -> None:
        """Make `keyset` the latest version, once it is certain that it can be read. Raises what `read` does, and Conflict."""
        content = keyset.text.encode()
        if self._kms is not None:
            content = await self._kms.encrypt(self.kms_key, content, WRAPPING)
            if _parsed(await self._kms.decrypt(self.kms_key, content, WRAPPING)) != keyset:
                raise _wrong("was not written: Cloud KMS gives something else back than it was given")
        await put(self.secrets, SECRET, content)

    @property
    def _kms(self) -> Kms | None:
        return self.kms if self.kms_key else None


def _is_in_the_clear(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


def _parsed(content: bytes) -> Keyset:
    try:
        return Keyset.parse(content.decode(errors="replace"))
    except NotAKeyset as error:
        raise _wrong(f"is {error}; if Cloud KMS wraps it, CALLMINE_VAULT_KMS_KEY has to name the key") from None


def _wrong(what: str) -> MissingSettings:
    return MissingSettings("credential-vault", [f"the secret {SECRET} {what}"])

"""The vault's own reading of a credential: to revoke it, or to ask its provider whether it is still good."""

from __future__ import annotations

from msgspec import Struct

from core.ids import uuid7
from credential_vault.domain.credentials import GrantRequest, Slot
from credential_vault.domain.revocations import Held
from credential_vault.encryption.keyring import Keyring
from credential_vault.store import credentials as store
from database import Tx

# Who the journal names when no other service asked.
ITSELF = "credential-vault"


class Opening(Struct, frozen=True):
    """Opens what the vault itself needs to read."""

    keyring: Keyring

    async def open(self, tx: Tx, held: Held, purpose: str, subject_id: str) -> dict[str, str]:
        """The fields in the clear, recorded before: they may be used once `tx` has committed.

        Raises CannotDecrypt; Shredded when the workspace's data key has been destroyed.
        """
        slot = held.slot
        entry = GrantRequest(uuid7(), slot.provider, ITSELF, purpose, subject_id)
        await store.journal(tx, entry, slot.version)
        key = await self.keyring.data_key(tx)
        return {name: self._opened(key, slot, name, ciphertext) for name, ciphertext in held.fields.items()}

    def _opened(self, key: bytes, slot: Slot, name: str, ciphertext: bytes) -> str:
        place = Slot(slot.workspace_id, slot.provider, slot.credential_id, slot.version, name)
        return self.keyring.decrypt(key, place, ciphertext)

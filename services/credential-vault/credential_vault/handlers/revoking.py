"""Letting go of credentials: nothing that was ever handed to Callmine is merely forgotten. Runs inside the transaction it is given."""

from __future__ import annotations

from collections.abc import Mapping

from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Revocation
from credential_vault.domain.revocations import Ending, Reason, key_pair
from credential_vault.store import revocations as store
from database import Tx


async def let_go(tx: Tx, slot: Slot, fields: Mapping[str, bytes], reason: str) -> None:
    """Have a version of a credential revoked that is no longer used.

    `slot` is the one that the ciphertexts were made for (its `field` does not matter), `fields` holds them by name: access_token and
    perhaps refresh_token, or access_key and secret. `reason` is a `Reason`. A pair has its outcome at once, since no provider can be told;
    tokens are kept, encrypted, until the worker has one.
    """
    if slot.provider is Provider.SIEM:
        return  # it opens nothing, and nobody keeps it but the customer: forgetting it is all there is to do
    access_token = fields.get("access_token")
    if access_token is None:
        await store.add(tx, slot, Reason(reason), key_pair(slot.provider), None, None)
        return
    waiting = Ending(Revocation.PENDING, "")
    await store.add(tx, slot, Reason(reason), waiting, access_token, fields.get("refresh_token"))


async def let_go_present(tx: Tx, provider: Provider, reason: str) -> bool:
    """Let go of what the provider's credential holds now; to be called before it is replaced or forgotten, in the same transaction.

    The row stays locked. False when there is nothing to let go of.
    """
    held = await store.held(tx, provider)
    if held is None:
        return False
    await let_go(tx, held.slot, held.fields, reason)
    return True

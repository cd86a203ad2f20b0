"""A provider's webhook, told by ingest: the account took Callmine's access away. Runs inside the transaction it is given."""

from __future__ import annotations

from credential_vault.domain.credentials import Provider
from credential_vault.handlers.losing import look_soon
from credential_vault.store.credentials import standing
from database import Tx


async def look_after_notice(tx: Tx, provider: Provider, account_id: str) -> None:
    """Have the provider asked, as soon as it may be, whether it still accepts what is connected. The notice itself is not believed.

    One about another account than the connected one is of a time before; a credential whose account is not known is looked at all the same.
    """
    found = await standing(tx, provider)
    if found is not None and found.face.account_id in {"", account_id}:
        await look_soon(tx, provider, found.version)

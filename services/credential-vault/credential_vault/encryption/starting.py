"""What has to hold before the vault serves: its keyset opens the data keys that exist, and what was shredded stays so."""

from __future__ import annotations

from typing import Final

from core.errors import MissingSettings
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.encryption.shredding import Shredding
from credential_vault.store import keys as store
from database import Database

log = logger("credential_vault.starting")

# Data keys tried for each key of the keyset: a wrong keyset opens none of them, and a row that is damaged is not the only one.
_EACH: Final = 5


async def check_keys(db: Database, keyring: Keyring, shredding: Shredding) -> None:
    """Destroy again what was shredded, then try some data keys of each key. Raises MissingSettings when the keyset is not theirs."""
    await shredding.destroy_again()
    problems = [
        problem
        for key_id, workspaces in (await store.sample(db, _EACH)).items()
        if (problem := await _problem(db, keyring, key_id, workspaces))
    ]
    if problems:
        raise MissingSettings("credential-vault", problems)


async def _problem(db: Database, keyring: Keyring, key_id: int | None, workspaces: list[WorkspaceId]) -> str:
    if key_id is not None:
        await keyring.follow(key_id)
        if not keyring.knows(key_id):
            return (
                f"the secret vault-keyset lacks key {key_id}, or has it disabled, and data keys need it: enable it, or go back to"
                " the version of the secret that has it"
            )
    closed = [one for one in workspaces if not await _opens(db, keyring, one)]
    if closed:
        log.error("data keys do not open", key=key_id or 0, tried=len(workspaces), closed=len(closed))
    if len(closed) < len(workspaces):
        return ""
    return f"the secret vault-keyset is another one than key {key_id} of the data keys: none of {len(closed)} opens"


async def _opens(db: Database, keyring: Keyring, workspace_id: WorkspaceId) -> bool:
    try:
        async with db.workspace(workspace_id) as tx:
            wrapped = await keyring.data_key_if_any(tx)
    except CannotDecrypt:
        return True  # shredded in this moment: nothing to open
    return wrapped is None or keyring.opens(wrapped, workspace_id)

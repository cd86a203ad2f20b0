"""A service says that a provider refused what it was granted. Runs inside the transaction it is given.

Nothing is believed on its word: at most the provider is asked, as the daily check asks it, and what that answers decides. A service is only
heard about a grant that the journal says it was made.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from core.log import logger
from credential_vault.domain.credentials import Rejection, is_allowed
from credential_vault.handlers.losing import look_soon
from credential_vault.store.credentials import granted_version
from database import Tx

log = logger("credential_vault.rejecting")


class Rejecting(Struct, frozen=True):
    """The use case. `wake` is called once there may be something to ask: a hint for the worker that checks."""

    wake: Callable[[], None] = lambda: None

    async def hear(self, tx: Tx, told: Rejection) -> None:
        """Have the provider asked about the version that was granted, if it is still the connected one."""
        cause = await _unheard(tx, told)
        if cause:
            log.warning(
                "a rejected credential is not looked at",
                requester=told.requester,
                provider=told.provider.value,
                grant=str(told.grant_id),
                cause=cause,
            )
            return
        await look_soon(tx, told.provider, told.version)
        tx.on_commit(self.wake)


async def _unheard(tx: Tx, told: Rejection) -> str:
    """Why nothing is done about it; empty where something is."""
    if not is_allowed(told.requester, told.provider):
        return "not allowed"
    version = await granted_version(tx, told.grant_id, told.provider, told.requester)
    if version is None:
        return "no such grant"
    return "" if version == told.version else "another version was granted"

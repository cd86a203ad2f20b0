"""The workspace's signing secret: made here, shown once, replaced with a day in which both count."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from msgspec import Struct

from contracts import Actor
from core.errors import Conflict
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.domain.connections import Face, Kind
from credential_vault.domain.credentials import Integration, Provider, State
from credential_vault.domain.signing import SECRET_BYTES, secret_of
from credential_vault.encryption.keyring import CannotDecrypt
from credential_vault.handlers.connecting import Connecting
from credential_vault.handlers.opening import Opening
from credential_vault.store import credentials as store
from credential_vault.store import revocations
from credential_vault.store.credentials import Content, Turn
from database import Database, Tx

log = logger("credential_vault.signing")

# What the journal says of the vault's own look at the secret that another one takes the place of.
PURPOSE = "rotation"


class ChangedElsewhere(Conflict):
    """Another admin has made or removed the secret since this one looked."""

    title = "Somebody else changed this in the meantime"


class Shown(Struct, frozen=True):
    """The secret's state: its version, 0 while there never was one, and what people see of it."""

    version: int
    item: Integration


@dataclass(frozen=True, slots=True)
class Signing:
    """The use cases. `material` gives random bytes."""

    db: Database
    connecting: Connecting
    opening: Opening
    material: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)

    async def shown(self, workspace_id: WorkspaceId) -> Shown:
        """How the secret stands; never any part of it."""
        async with self.db.workspace(workspace_id) as tx:
            standing = await store.standing(tx, Provider.SIEM)
            items = {item.provider: item for item in await store.integrations(tx)}
        found = items.get(Provider.SIEM, Integration(Provider.SIEM, State.NEW, Kind.SIGNING))
        return Shown(standing.version if standing else 0, found)

    async def make(self, workspace_id: WorkspaceId, seen: int, actor: Actor) -> str:
        """Make a secret in the place of the one of version `seen`; what is returned is shown once and kept by nobody else.

        The one before signs beside it for a day. Raises ChangedElsewhere at another version, so that a form sent twice makes one secret.
        """
        secret = secret_of(self.material(SECRET_BYTES))
        async with self.db.workspace(workspace_id) as tx:
            turn = await store.next_version(tx, Provider.SIEM, uuid.uuid4())
            if turn.slot.version != seen + 1:
                raise ChangedElsewhere(
                    "The secret is another one by now. Nothing was made: look at the page, and do it again if you still want to."
                )
            plain = {"access_key": secret, "secret": await self._previous(tx, turn) or secret}
            await self.connecting.keep(tx, turn, plain, Content(Face(Kind.SIGNING), {}), actor)
        return secret

    async def _previous(self, tx: Tx, turn: Turn) -> str:
        """The secret that was in use, journalled; empty where there was none, or none that opens."""
        held = await revocations.held(tx, Provider.SIEM)
        if held is None:
            return ""
        before = replace(held, slot=replace(held.slot, version=turn.slot.version - 1))
        try:
            opened = await self.opening.open(tx, before, PURPOSE, str(turn.slot.credential_id))
        except CannotDecrypt as error:
            log.error("a signing secret does not open; another one takes its place", error=error)
            return ""
        return opened["access_key"]

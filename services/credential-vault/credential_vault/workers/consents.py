"""Forgets consents that nobody came back for."""

from __future__ import annotations

from msgspec import Struct

from credential_vault.store.oauth_states import forget_expired
from database import Database


class Forgetter(Struct, frozen=True):
    """A round of `runtime.rounds`."""

    db: Database

    async def once(self) -> bool:
        """Forget what is over; False, since the next look need not be at once. Raises Transient when the database is away."""
        await forget_expired(self.db)
        return False

"""What still needs which key: counted over data keys, encrypted fields, messages that wait or are parked, and backups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from contracts import unpack
from core.errors import CallmineError
from credential_vault.encryption.keyset import beginning_of
from credential_vault.store import census as store
from database import Database


@dataclass(frozen=True, slots=True)
class Uses:
    """What needs one key of the keyset. `fields` are encrypted with data keys that it wraps."""

    data_keys: int = 0
    fields: int = 0
    parked: int = 0
    backups: int = 0

    @property
    def none(self) -> bool:
        """Whether nothing needs it any more."""
        return self == Uses()


async def census(db: Database, known: Collection[int]) -> dict[int, Uses]:
    """The uses of each key: of those of the keyset (`known`), and of any other that something needs. 0 is a data key that names none."""
    async with db.sweep() as tx:
        keys = await store.data_keys(tx)
        backups = await store.backups(tx)
        every = {*known, *keys, *backups}
        parked = await store.messages(tx, {key_id: beginning_of(key_id) for key_id in every if key_id})
    nothing = (0, 0)
    return {
        key_id: Uses(*keys.get(key_id, nothing), parked.get(key_id, 0), backups.get(key_id, 0))
        for key_id in sorted(every)
    }


async def sealing_census(db: Database) -> Counter[str]:
    """How many sealed credentials wait here, or are parked here, for each sealing key of the requesters; "" for unreadable ones."""
    async with db.sweep() as tx:
        messages = await store.sealed(tx)
    return Counter(_sealing_key_of(body, attributes) for body, attributes in messages)


def _sealing_key_of(body: bytes, attributes: Mapping[str, str]) -> str:
    try:
        return str(getattr(unpack(body, attributes).payload, "sealing_key_id", ""))
    except CallmineError:
        return ""

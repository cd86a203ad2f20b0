"""A vault's database full of credentials, encrypted by the keyring itself and copied in as they would lie there."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from chaos.vault.rewrap.book import Book
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.keyset import key_id_of
from local.postgres.connection import Connection

# Copied at a time: a second or so of work, well below a statement's time-out.
_WORKSPACES_AT_A_TIME = 1000
# Those that somebody connects; the secret of a SIEM lies in its row as a pair does.
_CONNECTED = (Provider.GONG, Provider.HUBSPOT, Provider.SLACK)
# One workspace in so many has tokens that wait to be revoked, of a version that no credential reaches here.
_LETS_GO = 5
_LET_GO_VERSION = 1_000_000

_COLUMNS = {
    "data_keys": ("workspace_id", "wrapped", "key_id"),
    "credentials": (
        *("workspace_id", "provider", "credential_id", "version", "state", "kind", "account", "check_at"),
        *("access_key", "secret", "access_token", "refresh_token"),
    ),
    "revocations": (
        *("workspace_id", "id", "provider", "credential_id", "version", "reason", "state", "next_at"),
        *("access_token", "refresh_token"),
    ),
}

Record = tuple[object, ...]


@dataclass(slots=True)
class Filled:
    """What was put in: `data_keys` has the id of the data key that encrypted a workspace's fields, as their prefix tells it."""

    wrapping_key: int
    credentials: int = 0
    fields: int = 0
    data_keys: dict[WorkspaceId, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Filling:
    keyring: Keyring
    book: Book
    draw: random.Random
    filled: Filled
    records: dict[str, list[Record]] = field(default_factory=lambda: {table: [] for table in _COLUMNS})

    def add(self, workspace_id: WorkspaceId, most: int) -> None:
        """A workspace with one to three credentials, but at most `most`, and its data key."""
        wrapped = self.keyring.new_data_key(workspace_id)
        self.records["data_keys"].append((workspace_id, wrapped, self.filled.wrapping_key))
        providers = self.draw.sample(_CONNECTED, min(self.draw.randint(1, 3), most))
        for provider in providers:
            slot = Slot(workspace_id, provider, self._id(), self.draw.randint(1, 9), "")
            self._connect(wrapped, slot)
        if self.draw.randrange(_LETS_GO) == 0:
            provider = self.draw.choice([Provider.HUBSPOT, Provider.SLACK])
            self._let_go(wrapped, Slot(workspace_id, provider, self._id(), _LET_GO_VERSION, ""))

    def _connect(self, wrapped: bytes, slot: Slot) -> None:
        sealed = self._sealed(wrapped, slot)
        kind = "oauth" if "access_token" in sealed else "basic"
        place = (slot.workspace_id, slot.provider.value, slot.credential_id, slot.version)
        fields = (sealed.get(name) for name in ("access_key", "secret", "access_token", "refresh_token"))
        self.records["credentials"].append((*place, "connected", kind, "Harborline", datetime.now(UTC), *fields))
        self.book.newest[slot.workspace_id, slot.provider] = slot.version
        self.filled.credentials += 1

    def _let_go(self, wrapped: bytes, slot: Slot) -> None:
        sealed = self._sealed(wrapped, slot)
        place = (slot.workspace_id, self._id(), slot.provider.value, slot.credential_id, slot.version)
        fields = (sealed.get(name) for name in ("access_token", "refresh_token"))
        self.records["revocations"].append((*place, "disconnected", "pending", datetime.now(UTC), *fields))

    def _sealed(self, wrapped: bytes, slot: Slot) -> dict[str, bytes]:
        plain = self.book.plain(slot.workspace_id, slot.provider, slot.version)
        sealed = {name: self.keyring.encrypt(wrapped, replace(slot, field=name), text) for name, text in plain.items()}
        self.filled.fields += len(sealed)
        made_by = key_id_of(next(iter(sealed.values())))
        assert made_by is not None, "the keyring's ciphertexts tell their key"
        self.filled.data_keys[slot.workspace_id] = made_by
        return sealed

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self.draw.getrandbits(128), version=4)


async def fill(
    admin: Connection, keyring: Keyring, book: Book, credentials: int, tick: Callable[[int, int], None]
) -> Filled:
    """Put in `credentials` of them, over about half as many workspaces, each with its data key."""
    filled = Filled(keyring.primary)
    filling = _Filling(keyring, book, random.Random(f"fill {book.seed}"), filled)
    for number in _numbers(filled, credentials):
        filling.add(WorkspaceId(f"org_rewrap{number:06}"), credentials - filled.credentials)
        if number % _WORKSPACES_AT_A_TIME == 0:
            await _copy(admin, filling.records)
            tick(filled.credentials, credentials)
        # The secrets are served in this very process.
        await asyncio.sleep(0)
    await _copy(admin, filling.records)
    await admin.execute("ANALYZE")
    return filled


def _numbers(filled: Filled, credentials: int) -> Iterator[int]:
    number = 0
    while filled.credentials < credentials:
        number += 1
        yield number


async def _copy(admin: Connection, records: dict[str, list[Record]]) -> None:
    for table, rows in records.items():
        if rows:
            await admin.copy_records_to_table(table, records=rows, columns=list(_COLUMNS[table]))
            rows.clear()

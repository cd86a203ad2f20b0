"""Data keys, what they encrypt, and the manifest of backups."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import Struct

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyset import wrapping_key_of
from database import Database, Row, Tx


class DataKey(Struct, frozen=True):
    """A workspace's data key as it lies in its row; `wrapped` is None once it has been destroyed, `key_id` names what wrapped it."""

    wrapped: bytes | None
    key_id: int | None


class Movable(Struct, frozen=True):
    """A data key that is about to be moved, locked."""

    wrapped: bytes
    generation: int


class Ciphertexts(Struct, frozen=True):
    """The encrypted fields of one row. `row` is the row's own id, None where the slot's provider names it."""

    slot: Slot
    fields: Mapping[str, bytes]
    row: uuid.UUID | None = None

    def placed(self) -> Iterator[tuple[Slot, bytes]]:
        """Each ciphertext with its place."""
        for name, ciphertext in self.fields.items():
            yield replace(self.slot, field=name), ciphertext


class Backup(Struct, frozen=True):
    """An entry of the manifest."""

    id: uuid.UUID
    taken_at: datetime
    expires_at: datetime
    key_ids: tuple[int, ...]


async def data_key(tx: Tx) -> DataKey | None:
    """The workspace's data key, which nobody moves or destroys before `tx` ends; None where there was never one."""
    row = await tx.fetch_one("data_key")
    return DataKey(row["wrapped"], row["key_id"]) if row else None


async def add_data_key(tx: Tx, wrapped: bytes) -> None:
    """Keep a data key, unless the workspace has or had one."""
    await tx.execute("data_key_add", wrapped=wrapped, key_id=_wrapped_by(wrapped))


async def to_move(tx: Tx, key_id: int) -> Movable | None:
    """The data key, locked, if another key than `key_id` wraps it; None when it is in use right now as well."""
    row = await tx.fetch_one("data_key_to_move", key_id=key_id)
    return Movable(row["wrapped"], row["generation"]) if row else None


async def move(tx: Tx, generation: int, wrapped: bytes) -> bool:
    """Put `wrapped` in the place of that generation; False when it is another one by now."""
    return await tx.execute("data_key_move", generation=generation, wrapped=wrapped, key_id=_wrapped_by(wrapped)) == 1


async def destroy(tx: Tx) -> datetime:
    """Destroy the workspace's data key for good; when it was destroyed, by the database's clock."""
    moment = await tx.fetch_value("data_key_destroy")
    assert isinstance(moment, datetime), "an upsert returns its row"  # noqa: S101
    return moment


async def begin_again(tx: Tx, wrapped: bytes) -> bool:
    """Give a workspace whose data key was destroyed a new one; False when it was not."""
    return await tx.execute("data_key_begin_again", wrapped=wrapped, key_id=_wrapped_by(wrapped)) == 1


async def workspaces_to_move(db: Database, key_id: int, after: str, limit: int) -> list[WorkspaceId]:
    """Workspaces whose data key another key than `key_id` wraps, in their order, after `after`."""
    async with db.sweep() as tx:
        rows = await tx.fetch("data_keys_to_move", key_id=key_id, after=after, limit=limit)
    return [WorkspaceId(row["workspace_id"]) for row in rows]


async def left_to_move(db: Database, key_id: int) -> int:
    """How many data keys another key than `key_id` wraps."""
    async with db.sweep() as tx:
        return _number(await tx.fetch_value("data_keys_left", key_id=key_id))


async def sample(db: Database, each: int) -> dict[int | None, list[WorkspaceId]]:
    """A few workspaces by the key that wraps their data keys, at most `each` of one; None where the row does not say."""
    found: dict[int | None, list[WorkspaceId]] = {}
    async with db.sweep() as tx:
        for row in await tx.fetch("data_keys_sample", each=each):
            found.setdefault(row["key_id"], []).append(WorkspaceId(row["workspace_id"]))
    return found


async def listed(db: Database, fingerprints: Mapping[str, datetime]) -> list[WorkspaceId]:
    """Workspaces whose fingerprint is listed, and whose data key was made before the moment beside it."""
    async with db.sweep() as tx:
        rows = await tx.fetch("data_keys_listed", fingerprints=list(fingerprints), moments=list(fingerprints.values()))
    return [WorkspaceId(row["workspace_id"]) for row in rows]


async def any_destroyed(db: Database) -> bool:
    """Whether any workspace's data key was ever destroyed."""
    async with db.sweep() as tx:
        return bool(await tx.fetch_value("data_keys_destroyed"))


async def ciphertexts(tx: Tx) -> list[Ciphertexts]:
    """All that is encrypted with the workspace's data key, locked. Raises Transient when any of it is being changed right now."""
    held = [_of_row(tx, row, None) for row in await tx.fetch("ciphertexts_of_credentials")]
    return held + [_of_row(tx, row, row["id"]) for row in await tx.fetch("ciphertexts_of_revocations")]


async def replace_ciphertexts(tx: Tx, new: Sequence[Ciphertexts]) -> int:
    """Put new ciphertexts in the place of the same versions' old ones; how many rows took them."""
    credentials = [one for one in new if one.row is None]
    revocations = [one for one in new if one.row is not None]
    replaced = 0
    if credentials:
        replaced += await tx.execute(
            "credentials_reencrypt",
            providers=[one.slot.provider.value for one in credentials],
            versions=[one.slot.version for one in credentials],
            access_keys=_column(credentials, "access_key"),
            secrets=_column(credentials, "secret"),
            access_tokens=_column(credentials, "access_token"),
            refresh_tokens=_column(credentials, "refresh_token"),
        )
    if revocations:
        replaced += await tx.execute(
            "revocations_reencrypt",
            ids=[one.row for one in revocations],
            access_tokens=_column(revocations, "access_token"),
            refresh_tokens=_column(revocations, "refresh_token"),
        )
    return replaced


async def backup_taken(db: Database, expires_at: datetime, primary: int) -> Backup:
    """Note a backup that is kept until `expires_at`, with the keys in use now and the primary one."""
    async with db.sweep() as tx:
        row = await tx.fetch_one("backup_add", id=uuid.uuid4(), expires_at=expires_at, key_id=primary)
    assert row is not None, "an insert returns its row"  # noqa: S101
    return _backup(row)


async def lengthen_backups(db: Database, key_id: int, days: int) -> int:
    """Note that backups of the last `days` may need a key as well; how many there were."""
    async with db.sweep() as tx:
        return await tx.execute("backups_lengthen", key_id=key_id, days=days)


async def moved_lately(db: Database, seconds: float) -> int:
    """How many data keys were moved within the last `seconds`, by the database's clock."""
    async with db.sweep() as tx:
        return _number(await tx.fetch_value("data_keys_moved_lately", seconds=seconds))


async def destroyed(db: Database, since: datetime) -> dict[WorkspaceId, datetime]:
    """Workspaces whose data key was destroyed, and not before `since`; when that was."""
    async with db.sweep() as tx:
        rows = await tx.fetch("data_keys_destroyed_since", since=since)
    return {WorkspaceId(row["workspace_id"]): row["destroyed_at"] for row in rows}


async def backups(db: Database, limit: int = 100) -> list[Backup]:
    """The manifest, newest first."""
    async with db.sweep() as tx:
        return [_backup(row) for row in await tx.fetch("backups", limit=limit)]


def _wrapped_by(wrapped: bytes) -> int:
    """The key's id out of the wrapped key itself: the row never says anything else than what lies in it."""
    key_id = wrapping_key_of(wrapped)
    if key_id is None:
        raise ValueError("a data key that was just wrapped names its key")
    return key_id


def _column(rows: Sequence[Ciphertexts], name: str) -> list[bytes | None]:
    return [one.fields.get(name) for one in rows]


# The columns that hold ciphertext, by the names that their slots have.
_FIELDS = ("access_key", "secret", "access_token", "refresh_token")


def _of_row(tx: Tx, row: Row, row_id: uuid.UUID | None) -> Ciphertexts:
    slot = Slot(tx.workspace_id, Provider(row["provider"]), row["credential_id"], row["version"], "")
    there = dict(row)
    return Ciphertexts(slot, {name: there[name] for name in _FIELDS if there.get(name) is not None}, row_id)


def _backup(row: Row) -> Backup:
    return Backup(row["id"], row["taken_at"], row["expires_at"], tuple(row["key_ids"]))


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a count is a number")
    return value

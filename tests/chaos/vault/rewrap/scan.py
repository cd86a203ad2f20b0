"""Every ciphertext of the database opened in its own place, after the old key is gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chaos.vault.rewrap.book import FIELDS, Book, Credential
from chaos.vault.rewrap.filling import Filled
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.encryption.keyset import key_id_of, wrapping_key_of
from database import Row
from local.postgres.connection import Connection

_EVERYTHING = """SELECT d.workspace_id, d.wrapped, d.key_id, h.lies_in, h.provider, h.credential_id, h.version, h.access_key, h.secret,
    h.access_token, h.refresh_token
FROM data_keys d
JOIN (
    SELECT workspace_id, 'credentials' AS lies_in, provider, credential_id, version, access_key, secret, access_token, refresh_token
    FROM credentials WHERE fields > 0
    UNION ALL
    SELECT workspace_id, 'revocations', provider, credential_id, version, NULL, NULL, access_token, refresh_token
    FROM revocations WHERE fields > 0) h USING (workspace_id)
ORDER BY d.workspace_id"""


_NAMES = ("access_key", "secret", "access_token", "refresh_token")


@dataclass(slots=True)
class Scan:
    """`moved` counts credentials of the filling that read rightly, encrypted anew, with a data key that the new key wraps."""

    keyring: Keyring
    book: Book
    filled: Filled
    moved: int = 0
    fields: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    _seen: set[Credential] = field(default_factory=set)

    async def run(self, admin: Connection) -> None:
        """Through all rows."""
        async with admin.transaction():
            async for row in admin.cursor(_EVERYTHING, prefetch=500):
                self._row(row)
        self.wrong["credentials are not there any more"] += len(set(self.book.newest) - self._seen)

    def _row(self, row: Row) -> None:
        credential = WorkspaceId(row["workspace_id"]), Provider(row["provider"])
        is_credential = row["lies_in"] == "credentials"
        problem = self._misread(row) or self._left_behind(row)
        if is_credential:
            self._seen.add(credential)
            if not problem and row["version"] != self.book.newest.get(credential):
                problem = "have another version than the one that was committed last"
        if problem:
            self.wrong[f"{row['lies_in']} {problem}"] += 1
        elif is_credential and row["workspace_id"] in self.filled.data_keys:
            self.moved += 1

    def _misread(self, row: Row) -> str:
        """What is wrong with the row's texts."""
        workspace_id, provider, version = WorkspaceId(row["workspace_id"]), Provider(row["provider"]), row["version"]
        if row["wrapped"] is None:
            return "have no data key"
        held = {name: row[name] for name in _NAMES if row[name] is not None}
        if set(held) != set(FIELDS[provider]):
            return "have other fields"
        plain = self.book.plain(workspace_id, provider, version)
        for name, ciphertext in held.items():
            slot = Slot(workspace_id, provider, row["credential_id"], version, name)
            try:
                if self.keyring.decrypt(row["wrapped"], slot, ciphertext) != plain[name]:
                    return "read as something else"
            except CannotDecrypt:
                return "do not open"
            self.fields += 1
        return ""

    def _left_behind(self, row: Row) -> str:
        """Whether a key of before the rotation is still in use for the row."""
        if not row["key_id"] == wrapping_key_of(row["wrapped"]) == self.keyring.primary:
            return "have a data key that another key wraps"
        before = self.filled.data_keys.get(WorkspaceId(row["workspace_id"]))
        if before is not None and before in {key_id_of(row[name]) for name in _NAMES if row[name] is not None}:
            return "were not encrypted anew"
        return ""

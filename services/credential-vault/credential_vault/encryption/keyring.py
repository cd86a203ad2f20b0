"""Encryption of credentials with Tink: a keyset from Secret Manager wraps a data key per workspace; data keys encrypt fields.

    key = await keyring.data_key(tx)             # the workspace's, held until the transaction ends
    ciphertext = keyring.encrypt(key, slot, text)

Every ciphertext is tied to its slot (schema version, workspace, provider, credential, field, version) as associated data, and carries the
id of the key that made it in Tink's output prefix. AES-256-GCM throughout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from core.clock import Clock, SystemClock
from core.errors import MissingSettings, Permanent
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.domain.credentials import Slot
from credential_vault.encryption.keyset import Keyset, NotAKeyset, wrapping_key_of
from credential_vault.encryption.source import KeysetSource
from credential_vault.store import keys as store
from database import Tx

log = logger("credential_vault.keyring")

# Unwrapping costs about 0.1 ms; the bound keeps 1,000 workspaces' keys in memory and no more.
_KEPT_KEYS = 1000
# And no longer than this: a key that was destroyed by another instance leaves this one's memory as well.
KEPT_SECONDS = 900.0

# The secret is read again no sooner than this many seconds after the last time, whatever asks for it.
RELOAD_SECONDS = 2.0


# A data key's owner, and what encrypts and decrypts with it: (plaintext or ciphertext, associated data). Looked up once for both.
_Step = Callable[[bytes, bytes], bytes]
_Unwrapped = tuple[WorkspaceId, _Step, _Step]


class CannotDecrypt(Permanent):
    """The ciphertext was not made for this place, or not with this key, or was altered."""

    problem = "cannot-decrypt"


class Shredded(CannotDecrypt):
    """The workspace's data key was destroyed on purpose; nothing is stored for it before an operator begins again."""

    problem = "shredded"


class Keyring:
    """The vault's keyset, and the data keys it has unwrapped. The repr shows nothing."""

    def __init__(self, keyset: str, source: KeysetSource | None = None, clock: Clock | None = None) -> None:
        """`keyset` is a Tink AEAD keyset in JSON; where it is read again when it changes, `source` tells.

        Raises MissingSettings when it is no keyset: without a key nothing is stored.
        """
        try:
            self._use(Keyset.parse(keyset))
        except NotAKeyset as error:
            raise MissingSettings("credential-vault", [f"the secret vault-keyset is {error}"]) from None
        self._source = source
        self._clock = clock or SystemClock()
        self._reading = asyncio.Lock()
        self._read_at = self._clock.monotonic()
        self._readings = 0
        # By the wrapped key, with the workspace it was wrapped for: a copy in another workspace's row is not taken for its own.
        self._unwrapped: dict[bytes, _Unwrapped] = {}
        self._clear_at = self._read_at + KEPT_SECONDS

    @classmethod
    async def open(cls, source: KeysetSource, clock: Clock | None = None) -> Keyring:
        """A keyring with the source's keyset. Raises what the source does."""
        return cls((await source.read()).text, source, clock)

    @staticmethod
    def generate() -> str:
        """A new keyset in JSON: goes into Secret Manager and nowhere else."""
        return Keyset.generate().text

    @property
    def primary(self) -> int:
        """The id of the key that wraps new data keys."""
        return self._keyset.primary

    def knows(self, key_id: int | None) -> bool:
        """Whether the keyset has that key, enabled."""
        return key_id in self._keyset.enabled

    async def data_key(self, tx: Tx) -> bytes:
        """The workspace's wrapped data key, made if it never had one; nobody moves or destroys it before `tx` ends.

        So what is read after this call, or was locked before it, opens with the key. Raises Shredded, CannotDecrypt, Transient.
        """
        found = await self.data_key_if_any(tx)
        if found is not None:
            return found
        # A key that goes out of use meanwhile must not wrap a new data key: the secret is looked at first.
        if self._clock.monotonic() - self._read_at > RELOAD_SECONDS:
            await self._reread(self._readings)
        wrapped = self.new_data_key(tx.workspace_id)
        await store.add_data_key(tx, wrapped)
        made = await self.data_key_if_any(tx)
        assert made is not None, "it was added in this transaction, or by another before it"  # noqa: S101
        return made

    async def data_key_if_any(self, tx: Tx) -> bytes | None:
        """The same, but None for a workspace that never had a data key."""
        row = await store.data_key(tx)
        self._clear()
        if row is None:
            return None
        if row.wrapped is None:
            self.forget(tx.workspace_id)
            raise Shredded("this workspace's keys were destroyed for good: nothing of it can be opened")
        await self.follow(wrapping_key_of(row.wrapped) if row.key_id is None else row.key_id)
        return row.wrapped

    async def follow(self, key_id: int | None) -> None:
        """Read the secret again if the keyset lacks that key: somebody has rotated it. One reading serves all who wait."""
        # Twice, for the reading that was shared may have begun before the rotation.
        for _ in range(2):
            if not self.knows(key_id):
                await self._reread(self._readings)

    async def _reread(self, seen: int) -> None:
        if self._source is None:
            return
        async with self._reading:
            if self._readings != seen:
                return
            wait = self._read_at + RELOAD_SECONDS - self._clock.monotonic()
            if wait > 0 and self._readings:
                await self._clock.sleep(wait)
            before = self._keyset
            self._use(await self._source.read())
            self._read_at = self._clock.monotonic()
            self._readings += 1
        if self._keyset != before:
            log.info("keyset changed", primary=self.primary, keys=len(self._keyset.statuses))

    def opens(self, wrapped: bytes, workspace_id: WorkspaceId) -> bool:
        """Whether the data key opens."""
        try:
            self._opened(wrapped, workspace_id)
        except CannotDecrypt:
            return False
        return True

    def new_data_key(self, workspace_id: WorkspaceId) -> bytes:
        """A new data key, wrapped for `workspace_id` and no other."""
        return self._wrapped(Keyset.generate(), workspace_id)

    def renewed_data_key(self, wrapped: bytes, workspace_id: WorkspaceId) -> bytes:
        """A fresh data key, wrapped by the primary key. It still opens what `wrapped` encrypted, but not what came before that.

        Raises CannotDecrypt.
        """
        handle = self._opened(wrapped, workspace_id)
        old = Keyset.parse(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
        return self._wrapped(old.rotated(keep=1), workspace_id)

    def encrypt(self, data_key: bytes, slot: Slot, text: str) -> bytes:
        """The ciphertext of `text` for `slot`."""
        # Written out in both, for a call more would cost as much as all the rest of it.
        try:
            workspace_id, encrypt, _ = self._unwrapped[data_key]
        except KeyError:
            workspace_id, encrypt, _ = self._unwrap(data_key, slot.workspace_id)
        if workspace_id != slot.workspace_id:
            raise _another_workspace()
        return encrypt(text.encode(), slot.associated_data)

    def decrypt(self, data_key: bytes, slot: Slot, ciphertext: bytes) -> str:
        """The text that was encrypted for `slot`. Raises CannotDecrypt for any other ciphertext."""
        try:
            workspace_id, _, decrypt = self._unwrapped[data_key]
        except KeyError:
            workspace_id, _, decrypt = self._unwrap(data_key, slot.workspace_id)
        if workspace_id != slot.workspace_id:
            raise _another_workspace()
        try:
            return decrypt(ciphertext, slot.associated_data).decode()
        except tink.TinkError:
            raise CannotDecrypt(
                "the stored credential does not open in this place; reconnect the integration"
            ) from None

    def forget(self, workspace_id: WorkspaceId) -> None:
        """Drop what is kept of a workspace's data keys."""
        for wrapped in [wrapped for wrapped, (owner, *_) in self._unwrapped.items() if owner == workspace_id]:
            del self._unwrapped[wrapped]

    def _clear(self) -> None:
        now = self._clock.monotonic()
        if now >= self._clear_at:
            self._unwrapped.clear()
            self._clear_at = now + KEPT_SECONDS

    def _use(self, keyset: Keyset) -> None:
        self._keyset = keyset
        self._primary = keyset.primitive()

    def _wrapped(self, data_key: Keyset, workspace_id: WorkspaceId) -> bytes:
        handle = json_proto_keyset_format.parse(data_key.text, secret_key_access.TOKEN)
        wrapped = json_proto_keyset_format.serialize_encrypted(handle, self._primary, _data_key_slot(workspace_id))
        return str(wrapped).encode()

    def _unwrap(self, wrapped: bytes, workspace_id: WorkspaceId) -> _Unwrapped:
        """The primitive of a data key that opens for the workspace, kept for the next time."""
        key = self._opened(wrapped, workspace_id).primitive(aead.Aead)
        if len(self._unwrapped) >= _KEPT_KEYS:
            del self._unwrapped[next(iter(self._unwrapped))]
        self._unwrapped[wrapped] = found = (workspace_id, key.encrypt, key.decrypt)
        return found

    def _opened(self, wrapped: bytes, workspace_id: WorkspaceId) -> tink.KeysetHandle:
        try:
            return json_proto_keyset_format.parse_encrypted(
                wrapped.decode(), self._primary, _data_key_slot(workspace_id)
            )
        except (tink.TinkError, UnicodeDecodeError):
            raise CannotDecrypt("the workspace's data key does not open; the keyset may be the wrong one") from None

    def __repr__(self) -> str:
        """Never the keys."""
        return "Keyring()"


def _another_workspace() -> CannotDecrypt:
    return CannotDecrypt("the data key is another workspace's: it opens nothing here")


def _data_key_slot(workspace_id: WorkspaceId) -> bytes:
    return f"callmine.data-key.v1:{workspace_id}".encode()

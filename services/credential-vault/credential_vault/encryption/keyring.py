"""Encryption of credentials with Tink: a keyset from Secret Manager wraps a data key per workspace; data keys encrypt fields.

Every ciphertext is tied to its slot (schema version, workspace, provider, credential, field, version) as associated data, and carries the
id of the key that made it in Tink's output prefix. AES-256-GCM throughout.
"""

from __future__ import annotations

from collections import OrderedDict

import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from core.errors import MissingSettings, Permanent
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Slot

# Unwrapping costs about 0.1 ms; the bound keeps 1,000 workspaces' keys in memory and no more.
_KEPT_KEYS = 1000

aead.register()


class CannotDecrypt(Permanent):
    """The ciphertext was not made for this place, or not with this key, or was altered."""

    problem = "cannot-decrypt"


class Keyring:
    """The vault's keyset, and the data keys it has unwrapped. The repr shows nothing."""

    def __init__(self, keyset: str) -> None:
        """`keyset` is a Tink AEAD keyset in JSON. Raises MissingSettings when it is not one: without a key nothing is stored."""
        try:
            handle = json_proto_keyset_format.parse(keyset, secret_key_access.TOKEN)
            self._primary = handle.primitive(aead.Aead)
        except tink.TinkError:
            problem = "the secret vault-keyset is not a Tink AEAD keyset in JSON"
            raise MissingSettings("credential-vault", [problem]) from None
        self._unwrapped: OrderedDict[bytes, aead.Aead] = OrderedDict()

    @staticmethod
    def generate() -> str:
        """A new keyset in JSON: goes into Secret Manager and nowhere else."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        return str(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))

    def new_data_key(self, workspace_id: WorkspaceId) -> bytes:
        """A new data key, wrapped for `workspace_id` and no other."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        wrapped = json_proto_keyset_format.serialize_encrypted(handle, self._primary, _data_key_slot(workspace_id))
        return str(wrapped).encode()

    def encrypt(self, data_key: bytes, slot: Slot, text: str) -> bytes:
        """The ciphertext of `text` for `slot`."""
        return bytes(self._data_key(data_key, slot.workspace_id).encrypt(text.encode(), slot.associated_data()))

    def decrypt(self, data_key: bytes, slot: Slot, ciphertext: bytes) -> str:
        """The text that was encrypted for `slot`. Raises CannotDecrypt for any other ciphertext."""
        try:
            plain = self._data_key(data_key, slot.workspace_id).decrypt(ciphertext, slot.associated_data())
        except tink.TinkError:
            raise CannotDecrypt(
                "the stored credential does not open in this place; reconnect the integration"
            ) from None
        return bytes(plain).decode()

    def _data_key(self, wrapped: bytes, workspace_id: WorkspaceId) -> aead.Aead:
        cached = self._unwrapped.get(_cache_key(wrapped, workspace_id))
        if cached is not None:
            self._unwrapped.move_to_end(_cache_key(wrapped, workspace_id))
            return cached
        try:
            handle = json_proto_keyset_format.parse_encrypted(
                wrapped.decode(), self._primary, _data_key_slot(workspace_id)
            )
            key = handle.primitive(aead.Aead)
        except (tink.TinkError, UnicodeDecodeError):
            raise CannotDecrypt("the workspace's data key does not open; the keyset may be the wrong one") from None
        self._unwrapped[_cache_key(wrapped, workspace_id)] = key
        if len(self._unwrapped) > _KEPT_KEYS:
            self._unwrapped.popitem(last=False)
        return key

    def __repr__(self) -> str:
        """Never the keys."""
        return "Keyring()"


def _data_key_slot(workspace_id: WorkspaceId) -> bytes:
    return f"callmine.data-key.v1:{workspace_id}".encode()


def _cache_key(wrapped: bytes, workspace_id: WorkspaceId) -> bytes:
    """Both: a wrapped key copied into another workspace's row must not be found in the cache either."""
    return _data_key_slot(workspace_id) + b"\x00" + wrapped

"""Tink's wire format read from its description, without it: what the vault has stored opens, and is bound to what we say.

A ciphertext is the byte 1, the key's id in 4 bytes big-endian, an IV of 12 bytes, AES-256-GCM's ciphertext, and its tag of 16 bytes. A
keyset in JSON names its keys' contents in base64, as protobuf; an encrypted one is the protobuf of a keyset in such a ciphertext.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Slot

Keys = Mapping[int, bytes]
"""The bytes of AES keys by their ids."""

_PREFIX, _IV = 5, 12

# Numbers of protobuf fields in Tink's tink.proto and aes_gcm.proto.
_KEYSET_KEY, _KEY_DATA, _KEY_ID, _DATA_VALUE, _AES_GCM_VALUE = 2, 1, 3, 2, 3


class Unreadable(Exception):
    """The bytes are not what the format says, or do not open."""


def keys_of(keyset: str) -> Keys:
    """The keys of a keyset in JSON."""
    return {key["keyId"]: _aes_key(base64.b64decode(key["keyData"]["value"])) for key in json.loads(keyset)["key"]}


def data_keys_of(keys: Keys, wrapped: bytes, workspace_id: WorkspaceId) -> Keys:
    """The keys of a workspace's data key, which `keys` wrap. Raises Unreadable."""
    ciphertext = base64.b64decode(json.loads(wrapped)["encryptedKeyset"])
    keyset = opened(keys, ciphertext, f"callmine.data-key.v1:{workspace_id}".encode())
    found = {}
    for key in _messages(keyset, _KEYSET_KEY):
        (data,) = _messages(key, _KEY_DATA)
        (value,) = _messages(data, _DATA_VALUE)
        (key_id,) = (number for name, number in _fields(key) if name == _KEY_ID and isinstance(number, int))
        found[key_id] = _aes_key(value)
    return found


def opened(keys: Keys, ciphertext: bytes, associated_data: bytes) -> bytes:
    """What was encrypted. Raises Unreadable."""
    key = keys.get(int.from_bytes(ciphertext[1:_PREFIX], "big"))
    if ciphertext[:1] != b"\x01" or key is None:
        raise Unreadable("the ciphertext does not name a key that is there")
    iv, body = ciphertext[_PREFIX : _PREFIX + _IV], ciphertext[_PREFIX + _IV :]
    try:
        return AESGCM(key).decrypt(iv, body, associated_data)
    except InvalidTag:
        raise Unreadable("the ciphertext does not open with this associated data") from None


def associated_data(slot: Slot) -> bytes:
    """What a ciphertext of `slot` is bound to, made from its parts and not by it."""
    parts = [1, str(slot.workspace_id), slot.provider.value, str(uuid.UUID(bytes=slot.credential_id.bytes))]
    return json.dumps([*parts, slot.field, slot.version], separators=(",", ":")).encode()


def _aes_key(message: bytes) -> bytes:
    (key,) = _messages(message, _AES_GCM_VALUE)
    if len(key) != 32:
        raise Unreadable("the key is not one of AES-256")
    return key


def _messages(message: bytes, wanted: int) -> list[bytes]:
    return [value for name, value in _fields(message) if name == wanted and isinstance(value, bytes)]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: numbers, and what has a length. Tink's messages have no others."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, at = _varint(message, at)
        if tag & 7 == 0:
            yield tag >> 3, number
        elif tag & 7 == 2:
            yield tag >> 3, message[at : at + number]
            at += number
        else:
            raise Unreadable("a protobuf field of a kind that Tink does not use")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at

"""Tink keysets in JSON: which keys they hold, and the steps of a rotation. Every step's result is read by Tink before anybody sees it.

keyset = Keyset.generate()          # one AES-256-GCM key
keyset = keyset.rotated()           # a new primary key; the old one still opens what it encrypted
keyset = keyset.with_status(old, KeyStatus.DISABLED)
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

import tink
from tink import aead, json_proto_keyset_format, secret_key_access
from tink.proto import aes_gcm_pb2

aead.register()

# Tink's wire format: what a key with the output prefix TINK encrypts begins with this byte and the key's id, big-endian.
_PREFIX_BYTE: Final = 1
_PREFIX_BYTES: Final = 5

_AES_GCM: Final = "type.googleapis.com/google.crypto.tink.AesGcmKey"
_KEY_BYTES: Final = 32


class KeyStatus(enum.StrEnum):
    """Whether a key of a keyset is used, in Tink's words."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class NotAKeyset(ValueError):
    """The text is no Tink keyset of AES-256-GCM keys whose ciphertexts all tell their key."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """A keyset that Tink has accepted, in Tink's own spelling; the repr shows ids only."""

    text: str = field(repr=False)
    primary: int
    statuses: Mapping[int, KeyStatus]

    @classmethod
    def parse(cls, text: str) -> Keyset:
        """Read a keyset in JSON. Raises NotAKeyset, which does not quote it."""
        try:
            handle = json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
            handle.primitive(aead.Aead)
            # JSON may spell names and numbers in several ways; from here on there is one.
            text = str(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
            info = handle.keyset_info()
            names = {1: KeyStatus.ENABLED, 2: KeyStatus.DISABLED}
            statuses = {key.key_id: names[key.status] for key in info.key_info}
            # A key without the prefix leaves no id in its ciphertexts: nobody could tell when it may go.
            told = all(key.output_prefix_type == 1 for key in info.key_info)
            strong = all(_is_aes_256_gcm(key) for key in _contents(text))
        except (tink.TinkError, KeyError):
            raise NotAKeyset("not a Tink AEAD keyset in JSON") from None
        if not told or len(statuses) != len(info.key_info):
            raise NotAKeyset("not a Tink AEAD keyset whose keys have ids of their own and the output prefix TINK")
        if not strong:
            raise NotAKeyset("not a Tink AEAD keyset of AES-256-GCM keys only")
        return cls(text, info.primary_key_id, statuses)

    @classmethod
    def generate(cls) -> Keyset:
        """A new keyset with one AES-256-GCM key."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        return cls.parse(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))

    @property
    def enabled(self) -> frozenset[int]:
        """The ids of the keys that open ciphertexts."""
        return frozenset(key for key, status in self.statuses.items() if status is KeyStatus.ENABLED)

    def primitive(self) -> aead.Aead:
        """Tink's own encryption with this keyset."""
        return json_proto_keyset_format.parse(self.text, secret_key_access.TOKEN).primitive(aead.Aead)

    def rotated(self, keep: int | None = None) -> Keyset:
        """This keyset with a new primary key; of the others the newest `keep`, all without it."""
        while True:
            new = Keyset.generate()
            if new.primary not in self.statuses:  # ids are 32 random bits
                break
        # The primary one counts as the newest.
        kept = sorted(_contents(self.text), key=lambda key: key["keyId"] == self.primary, reverse=True)[:keep]
        return self._with({"primaryKeyId": new.primary, "key": [*_contents(new.text), *kept]})

    def with_status(self, key_id: int, status: KeyStatus) -> Keyset:
        """This keyset with one key enabled or disabled. Raises NotAKeyset for the primary key."""
        keys = [{**key, "status": status.value} if key["keyId"] == key_id else key for key in _contents(self.text)]
        return self._with({"primaryKeyId": self.primary, "key": keys})

    def without(self, key_id: int) -> Keyset:
        """This keyset without one key. Raises NotAKeyset for the primary key."""
        keys = [key for key in _contents(self.text) if key["keyId"] != key_id]
        return self._with({"primaryKeyId": self.primary, "key": keys})

    @staticmethod
    def _with(content: Mapping[str, object]) -> Keyset:
        return Keyset.parse(json.dumps(content))


def _contents(text: str) -> list[dict[str, object]]:
    return cast(list[dict[str, object]], json.loads(text)["key"])


def _is_aes_256_gcm(key: Mapping[str, object]) -> bool:
    data = cast(Mapping[str, str], key["keyData"])
    if data["typeUrl"] != _AES_GCM:
        return False
    content = aes_gcm_pb2.AesGcmKey.FromString(base64.b64decode(data["value"]))
    return len(content.key_value) == _KEY_BYTES


def key_id_of(ciphertext: bytes) -> int | None:
    """The id of the key that made `ciphertext`, as Tink's output prefix tells it; None where there is no such prefix."""
    if len(ciphertext) < _PREFIX_BYTES or ciphertext[0] != _PREFIX_BYTE:
        return None
    return int.from_bytes(ciphertext[1:_PREFIX_BYTES], "big")


def beginning_of(key_id: int) -> bytes:
    """What the ciphertexts of a key begin with."""
    return bytes([_PREFIX_BYTE]) + key_id.to_bytes(_PREFIX_BYTES - 1, "big")


def wrapping_key_of(wrapped: bytes) -> int | None:
    """The id of the key that wraps a data key; None where it cannot be read."""
    try:
        return key_id_of(base64.b64decode(json.loads(wrapped)["encryptedKeyset"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None

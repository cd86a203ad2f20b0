"""What is encrypted for one place opens there and nowhere else."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
import tink
from tink import json_proto_keyset_format, mac, secret_key_access

from core.errors import MissingSettings
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import CannotDecrypt, Keyring

SLOT = Slot(WorkspaceId("org_one"), Provider.GONG, uuid.UUID(int=1), 3, "secret")
ELSEWHERE = {
    "workspace_id": WorkspaceId("org_two"),
    "provider": Provider.SLACK,
    "credential_id": uuid.UUID(int=2),
    "version": 4,
    "field": "access_key",
}


def test_what_was_encrypted_opens_in_its_place() -> None:
    keyring = Keyring(Keyring.generate())
    key = keyring.new_data_key(SLOT.workspace_id)
    ciphertext = keyring.encrypt(key, SLOT, "a secret ✓")
    assert keyring.decrypt(key, SLOT, ciphertext) == "a secret ✓"
    assert b"a secret" not in ciphertext


def test_the_same_text_never_gives_the_same_ciphertext() -> None:
    keyring = Keyring(Keyring.generate())
    key = keyring.new_data_key(SLOT.workspace_id)
    assert keyring.encrypt(key, SLOT, "same") != keyring.encrypt(key, SLOT, "same")


@pytest.mark.parametrize("part", ["provider", "credential_id", "version", "field"])
def test_a_ciphertext_moved_to_another_slot_does_not_open(part: str) -> None:
    keyring = Keyring(Keyring.generate())
    key = keyring.new_data_key(SLOT.workspace_id)
    ciphertext = keyring.encrypt(key, SLOT, "secret")
    assert keyring.decrypt(key, SLOT, ciphertext) == "secret"
    moved = replace(SLOT, **{part: ELSEWHERE[part]})  # type: ignore[arg-type] # one part, of its own type
    with pytest.raises(CannotDecrypt):
        keyring.decrypt(key, moved, ciphertext)


def test_the_workspace_is_part_of_the_slot_itself() -> None:
    """Not of the data key's wrapping alone."""
    other = replace(SLOT, workspace_id=WorkspaceId("org_two"))
    assert other.associated_data != SLOT.associated_data


def test_a_data_key_wrapped_for_another_workspace_does_not_open() -> None:
    keyring = Keyring(Keyring.generate())
    key = keyring.new_data_key(SLOT.workspace_id)
    keyring.encrypt(key, SLOT, "now in the cache")
    with pytest.raises(CannotDecrypt):
        keyring.encrypt(key, replace(SLOT, workspace_id=WorkspaceId("org_two")), "secret")


def test_a_data_key_does_not_open_with_another_keyset() -> None:
    key = Keyring(Keyring.generate()).new_data_key(SLOT.workspace_id)
    with pytest.raises(CannotDecrypt):
        Keyring(Keyring.generate()).encrypt(key, SLOT, "secret")


@pytest.mark.parametrize("position", [0, 4, 12, -1])
def test_an_altered_ciphertext_does_not_open(position: int) -> None:
    keyring = Keyring(Keyring.generate())
    key = keyring.new_data_key(SLOT.workspace_id)
    altered = bytearray(keyring.encrypt(key, SLOT, "secret"))
    altered[position] ^= 1
    with pytest.raises(CannotDecrypt):
        keyring.decrypt(key, SLOT, bytes(altered))


@pytest.mark.parametrize("wrapped", [b"", b"{}", b"\xff\xfe", b"not a key", b'{"encryptedKeyset":"AAAA"}'])
def test_a_damaged_data_key_is_told_as_such(wrapped: bytes) -> None:
    with pytest.raises(CannotDecrypt):
        Keyring(Keyring.generate()).encrypt(wrapped, SLOT, "secret")


def mac_keyset() -> str:
    mac.register()
    handle = tink.new_keyset_handle(mac.mac_key_templates.HMAC_SHA256_256BITTAG)
    return str(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


@pytest.mark.parametrize("keyset", ["", "garbage", "{}", "[]", '{"primaryKeyId":1,"key":[]}', "\ufffd\ufffd"])
def test_a_keyset_that_is_none_stops_the_start(keyset: str) -> None:
    with pytest.raises(MissingSettings, match="vault-keyset is not a Tink AEAD keyset"):
        Keyring(keyset)


def test_a_keyset_for_something_else_stops_the_start() -> None:
    with pytest.raises(MissingSettings):
        Keyring(mac_keyset())


def test_old_ciphertext_opens_after_the_keyset_was_rotated() -> None:
    """A rotated keyset holds the old key beside the new primary one."""
    old, new = json.loads(Keyring.generate()), json.loads(Keyring.generate())
    before = Keyring(json.dumps(old))
    key = before.new_data_key(SLOT.workspace_id)
    ciphertext = before.encrypt(key, SLOT, "secret")
    rotated = Keyring(json.dumps({"primaryKeyId": new["primaryKeyId"], "key": [*new["key"], *old["key"]]}))
    assert rotated.decrypt(key, SLOT, ciphertext) == "secret"


def test_the_repr_shows_no_key() -> None:
    assert repr(Keyring(Keyring.generate())) == "Keyring()"

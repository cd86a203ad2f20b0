"""Keysets: what is taken for one, and each step of a rotation."""

from __future__ import annotations

import json

import pytest
import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from credential_vault.encryption.keyset import (
    Keyset,
    KeyStatus,
    NotAKeyset,
    beginning_of,
    key_id_of,
    wrapping_key_of,
)

TEXT = b"what is kept"


def made(template: object) -> str:
    return str(json_proto_keyset_format.serialize(tink.new_keyset_handle(template), secret_key_access.TOKEN))


def content(keyset: Keyset) -> dict[str, object]:
    found: dict[str, object] = json.loads(keyset.text)
    return found


def raw_keyset() -> str:
    """A key whose ciphertexts do not tell which key made them."""
    found = json.loads(Keyset.generate().text)
    found["key"][0]["outputPrefixType"] = "RAW"
    return json.dumps(found)


def twice_the_same_id() -> str:
    one, other = json.loads(Keyset.generate().text), json.loads(Keyset.generate().text)
    other["key"][0]["keyId"] = one["primaryKeyId"]
    return json.dumps({"primaryKeyId": one["primaryKeyId"], "key": [*one["key"], *other["key"]]})


def without_primary() -> str:
    return json.dumps(json.loads(Keyset.generate().text) | {"primaryKeyId": 1})


def destroyed_key() -> str:
    two = json.loads(Keyset.generate().rotated().text)
    two["key"][1] |= {"status": "DESTROYED"}
    return json.dumps(two)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"primaryKeyId": 7, "key": []}',
        raw_keyset(),
        twice_the_same_id(),
        without_primary(),
        destroyed_key(),
        made(aead.aead_key_templates.AES128_GCM),
        made(aead.aead_key_templates.XCHACHA20_POLY1305),
        made(aead.aead_key_templates.AES256_CTR_HMAC_SHA256),
    ],
)
def test_what_is_no_keyset_of_ours_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(NotAKeyset) as caught:
        Keyset.parse(text)
    assert str(caught.value).startswith("not a Tink AEAD keyset")
    assert caught.value.__cause__ is None
    for key in json.loads(text or "{}").get("key", []) if text.startswith("{") else []:
        assert key["keyData"]["value"] not in str(caught.value)


def test_a_weak_key_beside_a_strong_one_is_refused() -> None:
    strong, weak = json.loads(Keyset.generate().text), json.loads(made(aead.aead_key_templates.AES128_GCM))
    with pytest.raises(NotAKeyset, match="AES-256-GCM"):
        Keyset.parse(json.dumps(strong | {"key": [*strong["key"], *weak["key"]]}))


def test_every_spelling_of_json_is_read_as_the_same_keyset() -> None:
    """Tink's JSON is protobuf's: ids may be texts, names may have underscores. No key escapes being disabled by that."""
    keyset = Keyset.generate().rotated()
    keys = [
        {
            "key_data": {
                "type_url": key["keyData"]["typeUrl"],
                "value": key["keyData"]["value"],
                "key_material_type": key["keyData"]["keyMaterialType"],
            },
            "status": key["status"],
            "key_id": str(key["keyId"]),
            "output_prefix_type": key["outputPrefixType"],
        }
        for key in json.loads(keyset.text)["key"]
    ]
    read = Keyset.parse(json.dumps({"primary_key_id": str(keyset.primary), "key": keys}))
    assert read == keyset
    (old,) = set(read.statuses) - {read.primary}
    assert read.with_status(old, KeyStatus.DISABLED).enabled == {read.primary}


def test_a_rotated_keyset_encrypts_with_the_new_key_and_opens_what_the_old_one_made() -> None:
    before = Keyset.generate()
    after = before.rotated()
    assert after.primary != before.primary
    assert set(after.statuses) == {before.primary, after.primary}
    old, new = before.primitive().encrypt(TEXT, b"place"), after.primitive().encrypt(TEXT, b"place")
    assert (key_id_of(old), key_id_of(new)) == (before.primary, after.primary)
    assert after.primitive().decrypt(old, b"place") == TEXT
    with pytest.raises(tink.TinkError):
        before.primitive().decrypt(new, b"place")


def test_of_the_others_the_newest_are_kept() -> None:
    first = Keyset.generate()
    second = first.rotated()
    third = second.rotated(keep=1)
    assert set(third.statuses) == {second.primary, third.primary}
    assert set(second.rotated().statuses) > {first.primary, second.primary}


def test_a_disabled_key_opens_nothing_until_it_is_enabled_again() -> None:
    first = Keyset.generate()
    both = first.rotated()
    old = first.primitive().encrypt(TEXT, b"place")
    disabled = both.with_status(first.primary, KeyStatus.DISABLED)
    assert disabled.enabled == {both.primary}
    with pytest.raises(tink.TinkError):
        disabled.primitive().decrypt(old, b"place")
    enabled = disabled.with_status(first.primary, KeyStatus.ENABLED)
    assert enabled == both
    assert enabled.primitive().decrypt(old, b"place") == TEXT


def test_a_key_that_was_taken_out_is_gone() -> None:
    first = Keyset.generate()
    left = first.rotated().without(first.primary)
    assert set(left.statuses) == {left.primary}
    taken = json.loads(first.text)["key"][0]["keyData"]["value"]
    assert taken not in left.text


def test_the_primary_key_cannot_be_disabled_or_taken_out() -> None:
    keyset = Keyset.generate().rotated()
    with pytest.raises(NotAKeyset):
        keyset.with_status(keyset.primary, KeyStatus.DISABLED)
    with pytest.raises(NotAKeyset):
        keyset.without(keyset.primary)


def test_the_repr_shows_ids_only() -> None:
    keyset = Keyset.generate()
    (key,) = json.loads(keyset.text)["key"]
    assert key["keyData"]["value"] not in repr(keyset)
    assert str(keyset.primary) in repr(keyset)


def test_the_beginning_of_a_ciphertext_names_its_key() -> None:
    keyset = Keyset.generate()
    ciphertext = keyset.primitive().encrypt(TEXT, b"")
    assert ciphertext.startswith(beginning_of(keyset.primary))
    assert key_id_of(ciphertext) == keyset.primary


@pytest.mark.parametrize(
    "ciphertext", [b"", b"\x01\x00\x00\x00", b"\x00\x00\x00\x00\x01rest", b"\x02\x00\x00\x00\x01rest"]
)
def test_without_tinks_prefix_there_is_no_key_id(ciphertext: bytes) -> None:
    assert key_id_of(ciphertext) is None


@pytest.mark.parametrize(
    "wrapped", [b"", b"{}", b"[]", b"null", b"\xff", b'{"encryptedKeyset": 5}', b'{"encryptedKeyset": "?"}']
)
def test_a_damaged_data_key_names_no_key(wrapped: bytes) -> None:
    assert wrapping_key_of(wrapped) is None

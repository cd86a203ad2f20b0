"""Rotation: a new primary key, and an old one that goes only when nothing needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud import Endpoint
from cloud.kms import GoogleKms
from core.errors import Conflict, MissingSettings, NotFound
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.encryption.keyset import Keyset
from credential_vault.encryption.rotation import Rotation
from credential_vault.encryption.source import WRAPPING, KeysetSecret
from credential_vault.store import keys as store
from integration.credential_vault.keys_bench import ACME, RIVAL, KeysBench
from local.kms import KmsServer, KmsSettings
from local.tls import ServerCertificate
from testkit.outside import Outside

KMS_KEY = "projects/callmine-test/locations/europe-west3/keyRings/vault/cryptoKeys/keyset"


@pytest.fixture
async def kms(outside: Outside, tmp_path: Path) -> AsyncIterator[GoogleKms]:
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    async with await KmsServer.start(KmsSettings(tmp_path / "kms.json", certificate, (KMS_KEY,))) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        kms = GoogleKms(Endpoint(address=address, ca_file=outside.ca_file))
        yield kms
        await kms.close()


async def test_a_running_keyring_follows_a_rotation(bench: KeysBench) -> None:
    before = await bench.fill()
    first = bench.keyring.primary
    keyset = await bench.rotation.rotate()
    assert await bench.secret.read() == keyset
    assert set(keyset.statuses) == {first, keyset.primary}
    assert bench.keyring.primary == first, "it has not heard of it yet"
    await bench.rewrapped()
    assert await bench.readable(keyring=bench.keyring) == before
    assert bench.keyring.primary == keyset.primary


async def test_two_who_rotate_at_once_both_have_their_key_in_the_keyset(bench: KeysBench) -> None:
    first = bench.keyring.primary
    made = await asyncio.gather(*(bench.rotation.rotate() for _ in range(3)))
    assert set((await bench.secret.read()).statuses) == {first, *(keyset.primary for keyset in made)}


async def test_an_old_key_goes_step_by_step(bench: KeysBench) -> None:
    before = await bench.fill()
    old = bench.keyring.primary
    with pytest.raises(Conflict, match="primary one: rotate first"):
        await bench.rotation.disable(old)
    keyset = await bench.rotation.rotate()
    with pytest.raises(Conflict, match=r"still needed: 1 data keys with 7 fields, 0 messages, 0 backups\. Rewrap"):
        await bench.rotation.disable(old)
    await bench.rewrapped()
    with pytest.raises(Conflict, match="disable it first"):
        await bench.rotation.destroy(old)
    await bench.rotation.disable(old)
    assert (await bench.secret.read()).enabled == {keyset.primary}
    assert await bench.readable() == before
    await bench.rotation.enable(old)
    assert (await bench.secret.read()) == keyset
    await bench.rotation.disable(old)
    await bench.rotation.destroy(old)
    assert set((await bench.secret.read()).statuses) == {keyset.primary}
    assert await bench.readable() == before
    for act in (bench.rotation.disable, bench.rotation.enable, bench.rotation.destroy):
        with pytest.raises(NotFound, match=f"has no key {old}; it has {keyset.primary}"):
            await act(old)


async def test_a_key_that_was_needed_lately_is_not_disabled_yet(bench: KeysBench) -> None:
    """A renewal that began before its data key was moved may come back with tokens that are encrypted with the old one."""
    await bench.fill()
    old = bench.keyring.primary
    await bench.rotation.rotate()
    await bench.rewrapped()
    patient = Rotation(bench.db, bench.secret)
    with pytest.raises(Conflict, match="1 data keys were moved within the last 15 minutes"):
        await patient.disable(old)
    await bench.place.admin("UPDATE data_keys SET rewrapped_at = rewrapped_at - interval '15 minutes'")
    await patient.disable(old)


async def test_a_key_that_an_instance_uses_in_the_same_moment_is_taken_back(bench: KeysBench) -> None:
    old = bench.keyring.primary
    keyset = await bench.rotation.rotate()

    class InTheMoment:
        """The Secret Manager, which is slow enough for an instance that has not heard of the rotation to make a data key."""

        async def read(self, name: str) -> bytes:
            return await bench.secrets.read(name)

        async def add_version(self, name: str, value: bytes) -> None:
            async with bench.db.workspace(RIVAL) as tx:
                await store.add_data_key(tx, bench.keyring.new_data_key(RIVAL))
            await bench.secrets.add_version(name, value)

    rotation = Rotation(bench.db, KeysetSecret(InTheMoment()), quiet_seconds=0)
    with pytest.raises(Conflict, match="still needed: 1 data keys"):
        await rotation.disable(old)
    assert (await bench.secret.read()).enabled == {old, keyset.primary}
    await bench.readable(RIVAL)


@pytest.mark.parametrize("step", ["rotate", "disable", "destroy"])
async def test_a_secret_that_lacks_a_needed_key_is_not_built_upon(bench: KeysBench, step: str) -> None:
    """It is an old version that Secret Manager still hands out, or another vault's: what is added to it would end what there is."""
    await bench.fill()
    needed = bench.keyring.primary
    other = Keyset.generate().rotated()
    (old,) = set(other.statuses) - {other.primary}
    await bench.secrets.add_version("vault-keyset", other.text.encode())
    act = bench.rotation.rotate() if step == "rotate" else getattr(bench.rotation, step)(old)
    with pytest.raises(Conflict, match=f"lacks keys that something needs: {needed}"):
        await act
    assert await bench.secret.read() == other


async def test_a_version_that_nobody_gets_to_read_is_told(bench: KeysBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credential_vault.encryption.latest._SEEN_SECONDS", 0.0)

    class Slow:
        async def read(self, name: str) -> bytes:
            return first

        async def add_version(self, name: str, value: bytes) -> None:
            await bench.secrets.add_version(name, value)

    first = await bench.secrets.read("vault-keyset")
    with pytest.raises(Conflict, match="has a new version, but another one is read"):
        await Rotation(bench.db, KeysetSecret(Slow())).rotate()


async def test_a_backup_that_may_still_be_running_needs_the_new_key_too(bench: KeysBench) -> None:
    await bench.fill()
    first = bench.keyring.primary
    for hours in (1, 30):
        await bench.place.admin(
            "INSERT INTO backups (id, taken_at, expires_at, key_ids) VALUES (gen_random_uuid(),"
            " now() - make_interval(hours => $1), now() + interval '9 days', ARRAY[$2::bigint])",
            hours,
            first,
        )
    keyset = await bench.rotation.rotate()
    assert [backup.key_ids for backup in await store.backups(bench.db)] == [(first, keyset.primary), (first,)]


async def test_kms_wraps_the_keyset_and_nothing_else_reads_it(bench: KeysBench, kms: GoogleKms) -> None:
    before = await bench.fill()
    wrapping = KeysetSecret(bench.secrets, kms, KMS_KEY)
    with pytest.raises(MissingSettings, match=r"lies in the clear although CALLMINE_VAULT_KMS_KEY is set: run .* wrap"):
        await Keyring.open(wrapping)
    keyset = await Rotation(bench.db, wrapping).wrap()
    content = await bench.secrets.read("vault-keyset")
    assert keyset.text.encode() not in content
    assert Keyset.parse((await kms.decrypt(KMS_KEY, content, WRAPPING)).decode()) == keyset
    with pytest.raises(MissingSettings, match="CALLMINE_VAULT_KMS_KEY has to name the key"):
        await Keyring.open(bench.secret)
    assert await bench.readable(keyring=await Keyring.open(wrapping)) == before
    rotated = await Rotation(bench.db, wrapping).rotate()
    assert rotated.text.encode() not in await bench.secrets.read("vault-keyset")
    assert (await wrapping.read()) == rotated
    with pytest.raises(Conflict, match="nothing to wrap"):
        await Rotation(bench.db, wrapping).wrap()


async def test_without_a_key_of_kms_nothing_is_said_to_be_wrapped(bench: KeysBench, kms: GoogleKms) -> None:
    versions = await bench.secrets.read("vault-keyset")
    for secret in (bench.secret, KeysetSecret(bench.secrets, kms, "")):
        with pytest.raises(Conflict, match="set CALLMINE_VAULT_KMS_KEY"):
            await Rotation(bench.db, secret).wrap()
    assert await bench.secrets.read("vault-keyset") == versions


async def test_a_keyset_that_would_not_open_again_is_not_written(bench: KeysBench, kms: GoogleKms) -> None:
    class Forgetful:
        async def encrypt(self, key: str, plaintext: bytes, associated: bytes) -> bytes:
            return await kms.encrypt(key, Keyset.generate().text.encode(), associated)

        async def decrypt(self, key: str, ciphertext: bytes, associated: bytes) -> bytes:
            return await kms.decrypt(key, ciphertext, associated)

    before = await bench.secrets.read("vault-keyset")
    with pytest.raises(MissingSettings, match="gives something else back"):
        await KeysetSecret(bench.secrets, Forgetful(), KMS_KEY).write(bench.keyring._keyset)
    assert await bench.secrets.read("vault-keyset") == before


async def test_a_data_key_of_a_key_that_nobody_has_does_not_open(bench: KeysBench) -> None:
    await bench.fill()
    await bench.secrets.add_version("vault-keyset", Keyset.generate().text.encode())
    with pytest.raises(CannotDecrypt, match="the keyset may be the wrong one"):
        await bench.readable(ACME)

"""Shredding: what a destroyed data key has encrypted stays unreadable, also after rewrapping, restoring and replaying."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import Conflict, MissingSettings, NotFound, Permanent, Transient
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider
from credential_vault.encryption.keyring import CannotDecrypt, Shredded
from credential_vault.encryption.shredding import fingerprint, shredding
from credential_vault.encryption.starting import check_keys
from credential_vault.store import keys as store
from integration.credential_vault.keys_bench import ACME, PAIR, RIVAL, KeysBench


async def shred(bench: KeysBench, workspace: WorkspaceId = ACME) -> None:
    async with bench.db.workspace(workspace) as tx:
        await bench.shredding.shred(tx)


async def register(bench: KeysBench) -> dict[str, int]:
    return dict(json.loads(await bench.secrets.read("vault-shredded")))


async def put_back(bench: KeysBench, row: dict[str, Any]) -> None:
    """The row as it was, as a restored backup has it."""
    await bench.place.admin(
        "UPDATE data_keys SET wrapped = $2, key_id = $3, generation = $4, created_at = $5, destroyed_at = NULL WHERE workspace_id = $1",
        row["workspace_id"],
        row["wrapped"],
        row["key_id"],
        row["generation"],
        row["created_at"],
    )


async def test_nothing_of_the_workspace_opens_any_more_and_others_are_untouched(bench: KeysBench) -> None:
    await bench.fill()
    other, ciphertexts, row = await bench.fill(RIVAL), await bench.ciphertexts(), await bench.data_key()
    await shred(bench)
    for keyring in (bench.keyring, await bench.another_keyring()):
        with pytest.raises(Shredded, match="destroyed for good"):
            await bench.readable(keyring=keyring)
    assert await bench.ciphertexts() == ciphertexts, "they survive, and are of no use"
    after = await bench.data_key()
    assert (after["wrapped"], after["key_id"]) == (None, None)
    assert after["generation"] > row["generation"]
    assert await bench.readable(RIVAL) == other
    assert row["wrapped"] not in bench.keyring._unwrapped


async def test_another_instances_memory_forgets_it_at_the_latest_after_a_while(bench: KeysBench) -> None:
    await bench.fill()
    other = await bench.another_keyring()
    await bench.readable(keyring=other)
    (wrapped,) = other._unwrapped
    await shred(bench)
    other._clear_at = 0.0
    await bench.fill(RIVAL)
    async with bench.db.workspace(RIVAL) as tx:
        await other.data_key(tx)
    assert wrapped not in other._unwrapped


async def test_no_data_key_is_made_again_by_itself(bench: KeysBench) -> None:
    await shred(bench)
    with pytest.raises(Shredded):
        await bench.place.connect(Provider.GONG, PAIR)
    assert (await bench.data_key())["wrapped"] is None


async def test_shredding_is_undone_with_its_transaction_but_asked_for(bench: KeysBench) -> None:
    """The register is written first: what was asked for is carried out at the next start, rather than undone by a backup."""
    before = await bench.fill()

    class Failed(Exception):
        pass

    with pytest.raises(Failed):
        async with bench.db.workspace(ACME) as tx:
            await bench.shredding.shred(tx)
            raise Failed
    assert await bench.readable() == before
    assert set(await register(bench)) == {fingerprint(ACME)}
    assert await bench.shredding.destroy_again() == 1
    with pytest.raises(Shredded):
        await bench.readable()


async def test_it_stays_shredded_after_a_rewrap(bench: KeysBench) -> None:
    await bench.fill()
    await shred(bench)
    row = await bench.data_key()
    await bench.rotation.rotate()
    await bench.rewrapped()
    assert await bench.data_key() == row


async def test_a_row_that_a_backup_brings_back_is_destroyed_before_the_vault_serves(bench: KeysBench) -> None:
    before = await bench.fill()
    row = await bench.data_key()
    await shred(bench)
    await put_back(bench, row)
    assert await bench.readable() == before, "without the register it would be back"
    await check_keys(bench.db, bench.keyring, bench.shredding)
    with pytest.raises(Shredded):
        await bench.readable()
    assert await bench.shredding.destroy_again() == 0


async def test_a_row_that_was_moved_before_it_was_put_back_is_destroyed_as_well(bench: KeysBench) -> None:
    await bench.fill()
    await bench.rotation.rotate()
    await bench.rewrapped()
    row = await bench.data_key()
    await shred(bench)
    await put_back(bench, row)
    assert await bench.shredding.destroy_again() == 1


async def test_a_data_key_copied_from_before_opens_nothing_where_a_new_one_is(bench: KeysBench) -> None:
    """A replay: old ciphertexts beside the new data key, and the old data key beside the new ciphertexts."""
    await bench.fill()
    row, held = await bench.data_key(), await bench.rows()
    await shred(bench)
    async with bench.db.workspace(ACME) as tx:
        await bench.shredding.begin_again(tx)
    await bench.place.admin("DELETE FROM credentials")
    await bench.place.admin("DELETE FROM revocations")
    new = await bench.fill()
    assert await bench.readable() == new
    gong = next(one for table, one in held if one["provider"] == "gong")
    await bench.place.admin(
        "UPDATE credentials SET credential_id = $1, version = $2, access_key = $3, secret = $4 WHERE provider = 'gong'",
        gong["credential_id"],
        gong["version"],
        gong["access_key"],
        gong["secret"],
    )
    with pytest.raises(CannotDecrypt):
        await bench.readable()
    await put_back(bench, row)
    assert await bench.shredding.destroy_again() == 1


async def test_begin_again_gives_a_key_that_no_earlier_order_destroys(bench: KeysBench) -> None:
    await bench.fill()
    with pytest.raises(Conflict, match="nothing to begin again"):
        async with bench.db.workspace(ACME) as tx:
            await bench.shredding.begin_again(tx)
    await shred(bench)
    async with bench.db.workspace(ACME) as tx:
        await bench.shredding.begin_again(tx)
    row = await bench.data_key()
    assert row["key_id"] == bench.keyring.primary
    assert await bench.shredding.destroy_again() == 0
    assert await bench.data_key() == row
    await shred(bench)
    await put_back(bench, row)
    assert await bench.shredding.destroy_again() == 1, "the second order means the second key"


async def test_the_register_names_no_workspace_and_keeps_its_order_and_moments(bench: KeysBench) -> None:
    began = datetime.now(UTC) - timedelta(seconds=5)
    for workspace in (RIVAL, ACME):
        await shred(bench, workspace)
    text = (await bench.secrets.read("vault-shredded")).decode()
    assert ACME not in text
    names = [name for name, _ in json.loads(text)]
    assert names == sorted(hashlib.sha256(one.encode()).hexdigest()[:32] for one in (ACME, RIVAL))
    entries = await bench.shredding.register.read()
    row = await bench.data_key()
    assert entries[fingerprint(ACME)] == row["destroyed_at"]
    assert all(at > began for at in entries.values())


async def test_those_who_shred_at_once_are_all_entered(bench: KeysBench) -> None:
    workspaces = [WorkspaceId(f"org_many{number}") for number in range(4)]
    await asyncio.gather(*(shred(bench, one) for one in workspaces))
    assert set(await register(bench)) == {fingerprint(one) for one in workspaces}


async def test_an_entry_goes_once_no_backup_can_bring_it_back(bench: KeysBench) -> None:
    await shred(bench)
    await bench.place.admin("UPDATE data_keys SET destroyed_at = destroyed_at - interval '36 days'")
    entries = json.loads(await bench.secrets.read("vault-shredded"))
    old = [[name, at - 36 * 86_400_000_000] for name, at in entries]
    await bench.secrets.add_version("vault-shredded", json.dumps(old).encode())
    await shred(bench, RIVAL)
    assert set(await register(bench)) == {fingerprint(RIVAL)}


async def test_a_register_that_lost_an_entry_gets_it_back(bench: KeysBench) -> None:
    """Two who write at once, and Secret Manager that takes the last: the database still knows."""
    await shred(bench)
    await bench.secrets.add_version("vault-shredded", b"[]")
    assert await bench.shredding.destroy_again() == 0
    assert set(await register(bench)) == {fingerprint(ACME)}
    await bench.secrets.add_version("vault-shredded", b"[]")
    await shred(bench, RIVAL)
    assert set(await register(bench)) == {fingerprint(ACME), fingerprint(RIVAL)}


async def test_what_is_in_the_register_is_not_written_again_at_each_start(
    bench: KeysBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shred(bench)

    async def written(name: str, value: bytes) -> None:
        raise AssertionError("nothing has changed")

    monkeypatch.setattr(bench.secrets, "add_version", written)
    assert await bench.shredding.destroy_again() == 0


@pytest.mark.parametrize("content", [b"", b"{}x", b'{"a": 1}', b"[1]", b'[["a", "b"]]', b'[["a", 1e99]]', b"\xff"])
async def test_a_register_that_is_none_stops_everything(bench: KeysBench, content: bytes) -> None:
    await bench.secrets.add_version("vault-shredded", content or b" ")
    with pytest.raises(MissingSettings, match="vault-shredded is not a register"):
        await check_keys(bench.db, bench.keyring, bench.shredding)
    before = await bench.fill()
    with pytest.raises(MissingSettings):
        await shred(bench)
    assert await bench.readable() == before


async def test_without_a_register_nothing_is_shredded_and_nothing_that_was_is_served(bench: KeysBench) -> None:
    class Without:
        async def read(self, name: str) -> bytes:
            raise NotFound(f"secret {name} does not exist or has no version: create it and start again")

        async def add_version(self, name: str, value: bytes) -> None:
            raise AssertionError("there is none")

    without = shredding(bench.db, bench.keyring, Without(), timedelta(days=35))
    assert await without.destroy_again() == 0
    before = await bench.fill()
    with pytest.raises(NotFound):
        async with bench.db.workspace(ACME) as tx:
            await without.shred(tx)
    assert await bench.readable() == before
    await shred(bench)
    with pytest.raises(MissingSettings, match="vault-shredded is missing: put it back"):
        await check_keys(bench.db, bench.keyring, without)


async def test_a_register_that_is_full_refuses_rather_than_forgets(bench: KeysBench) -> None:
    now = int(datetime.now(UTC).timestamp() * 1e6)
    many = [[f"{number:032x}", now] for number in range(1190)]
    await bench.secrets.add_version("vault-shredded", json.dumps(many, separators=(",", ":")).encode())
    with pytest.raises(Permanent, match="is full"):
        for number in range(60):
            await shred(bench, WorkspaceId(f"org_full{number}"))


async def test_a_workspace_in_which_somebody_reads_is_shredded_after(bench: KeysBench) -> None:
    await bench.fill()
    async with bench.db.workspace(ACME) as tx:
        await bench.keyring.data_key(tx)
        shredded = asyncio.create_task(shred(bench))
        await asyncio.sleep(0)
        assert not shredded.done()
    await shredded
    with pytest.raises(Shredded):
        await bench.readable()
    with pytest.raises((Shredded, Transient)):
        async with bench.db.workspace(ACME) as tx:
            await store.data_key(tx)
            await bench.keyring.data_key(tx)

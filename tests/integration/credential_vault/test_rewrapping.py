"""Rewrapping: everything moves to the new key and opens where it opened before, whoever is at it meanwhile, and whatever is interrupted."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from core import faultpoints
from core.clock import SystemClock
from core.errors import MissingSettings, Transient
from core.ids import WorkspaceId, uuid7
from credential_vault.domain.connections import Face, Kind
from credential_vault.domain.credentials import BasicPair, GrantRequest, Provider
from credential_vault.domain.oauth import Outcome
from credential_vault.domain.renewals import Attempt, Reply
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.encryption.keyset import key_id_of, wrapping_key_of
from credential_vault.encryption.rewrapping import Rewrapping
from credential_vault.handlers.renewal_store import Renewals, Telling
from credential_vault.store import credentials
from credential_vault.store import keys as store
from database import Tx
from integration.credential_vault.keys_bench import ACME, PAIR, RIVAL, KeysBench
from integration.credential_vault.letting_go import Place

POINTS = ("rewrap.before_ciphertexts", "rewrap.before_data_key", "rewrap.before_commit")


class Killed(BaseException):
    """Stands for the end of the process."""


def killing(wanted: str) -> faultpoints.Trap:
    def trap(point: str) -> None:
        if point == wanted:
            raise Killed

    return trap


async def run_of(bench: KeysBench) -> Rewrapping:
    return Rewrapping(bench.db, await bench.another_keyring())


async def test_everything_moves_and_opens_in_the_same_places(bench: KeysBench) -> None:
    before, old = await bench.fill(), await bench.ciphertexts()
    other = await bench.fill(RIVAL)
    first, row = bench.keyring.primary, await bench.data_key()
    keyset = await bench.rotation.rotate()
    result = await (await run_of(bench)).run()
    assert (result.data_keys, result.fields, result.whole) == (2, 2 * len(before), True)
    assert await bench.readable() == before
    assert await bench.readable(RIVAL) == other
    new, moved = await bench.ciphertexts(), await bench.data_key()
    # The same slots, by name and version; other bytes, by another data key.
    assert set(new) == set(old)
    assert not {key_id_of(text) for text in new.values()} & {key_id_of(text) for text in old.values()}
    assert (row["key_id"], moved["key_id"]) == (first, keyset.primary)
    assert wrapping_key_of(bytes(moved["wrapped"])) == keyset.primary
    assert (moved["generation"], moved["created_at"]) == (2, row["created_at"])
    assert moved["rewrapped_at"] is not None


async def test_a_ciphertext_still_opens_in_its_own_place_only(bench: KeysBench) -> None:
    await bench.fill()
    await bench.rotation.rotate()
    await bench.rewrapped()
    await bench.place.admin(
        "UPDATE credentials SET access_key = secret, secret = access_key WHERE workspace_id = $1 AND provider = 'gong'",
        ACME,
    )
    with pytest.raises(CannotDecrypt):
        await bench.readable()


async def test_nothing_is_left_to_do_after_a_run(bench: KeysBench) -> None:
    await bench.fill()
    assert (await (await run_of(bench)).run()).data_keys == 0
    await bench.rotation.rotate()
    await bench.rewrapped()
    assert (await (await run_of(bench)).run()).data_keys == 0


@pytest.mark.parametrize("point", POINTS)
async def test_a_run_that_is_killed_leaves_no_trace_and_the_next_one_goes_on(bench: KeysBench, point: str) -> None:
    before = await bench.fill()
    await bench.rotation.rotate()
    ciphertexts, row = await bench.ciphertexts(), await bench.data_key()
    run = await run_of(bench)
    faultpoints.arm(killing(point))
    try:
        with pytest.raises(Killed):
            await run.move(ACME)
    finally:
        faultpoints.arm(None)
    assert await bench.ciphertexts() == ciphertexts
    assert await bench.data_key() == row
    assert await bench.readable() == before
    assert (await (await run_of(bench)).run()).data_keys == 1
    assert await bench.readable() == before
    assert set((await bench.ciphertexts()).values()).isdisjoint(ciphertexts.values())


async def test_who_is_reading_is_not_disturbed_and_the_workspace_is_come_back_to(bench: KeysBench) -> None:
    before = await bench.fill()
    await bench.rotation.rotate()
    run = await run_of(bench)
    async with bench.db.workspace(ACME) as tx:
        await bench.keyring.data_key(tx)
        assert not await run.move(ACME)
    assert await run.move(ACME)
    assert await bench.readable() == before


class Pausing(SystemClock):
    """Does something instead of sleeping."""

    def __init__(self, instead: Callable[[], Awaitable[None]]) -> None:
        self._instead = instead

    async def sleep(self, seconds: float) -> None:
        await self._instead()


async def test_a_workspace_in_use_is_come_back_to_whoever_is_moved_beside_it(bench: KeysBench) -> None:
    workspaces = [WorkspaceId(f"org_beside{number}") for number in range(9)]
    for workspace in workspaces:
        await bench.fill(workspace)
    await bench.rotation.rotate()
    pauses = 0
    async with AsyncExitStack() as held:

        async def let_go() -> None:
            nonlocal pauses
            pauses += 1
            await held.aclose()

        # The second of three that are begun side by side: the others are on their way when it is found to be in use.
        tx = await held.enter_async_context(bench.db.workspace(workspaces[1]))
        await bench.keyring.data_key(tx)
        run = Rewrapping(bench.db, await bench.another_keyring(), clock=Pausing(let_go))
        result = await run.run()
    assert (pauses, result.data_keys, result.whole) == (1, len(workspaces), True)


async def test_a_grant_that_has_read_the_row_before_it_was_moved_opens_it_after(bench: KeysBench) -> None:
    await bench.fill()
    await bench.rotation.rotate()
    async with bench.db.workspace(ACME) as tx:
        stored = await credentials.credential(tx, Provider.GONG)
        assert stored is not None
        await bench.rewrapped()
        key = await bench.keyring.data_key(tx)
        assert bench.keyring.decrypt(key, stored.slot(tx, "secret"), stored.fields["secret"]) == PAIR["secret"]


async def test_who_connects_meanwhile_is_not_overwritten(bench: KeysBench) -> None:
    await bench.fill()
    await bench.rotation.rotate()
    run = await run_of(bench)
    async with bench.db.workspace(ACME) as tx:
        turn = await credentials.next_version(tx, Provider.GONG, uuid.uuid4())
        assert not await run.move(ACME), "its version is being counted up"
        await connected(bench.place, tx, turn, "new")
        assert not await run.move(ACME)
    assert await run.move(ACME)
    found = await bench.readable()
    assert found["credentials", "gong", "secret", 5] == "new secret"
    assert ("credentials", "gong", "secret", 4) not in found


async def connected(place: Place, tx: Tx, turn: credentials.Turn, text: str, keyring: Keyring | None = None) -> None:
    keyring = keyring or place.keyring
    key = await keyring.data_key(tx)
    pair = BasicPair(f"{text} key", f"{text} secret")
    sealed = {
        name: keyring.encrypt(key, replace(turn.slot, field=name), getattr(pair, name))
        for name in ("access_key", "secret")
    }
    await credentials.connect(tx, turn.slot, credentials.Content(Face(Kind.BASIC), sealed), "user")


async def test_a_rotation_of_tokens_that_began_before_is_saved_after(bench: KeysBench) -> None:
    """The answer was encrypted with the data key of the claim; that one has been moved, and its key disabled, when it is saved."""

    async def nobody(*_: object) -> None:
        return None

    await bench.fill()
    await bench.place.admin(
        "UPDATE credentials SET refresh_at = now() - interval '1 minute' WHERE provider = 'hubspot'"
    )
    renewals = Renewals(bench.db, bench.keyring, Telling(nobody, nobody, nobody))
    claimed = await renewals.claim(Attempt(uuid7(), ACME, Provider.HUBSPOT), tells=False)
    assert claimed is not None
    old = bench.keyring.primary
    await bench.rotation.rotate()
    await bench.rewrapped()
    tokens = {name: f"new {name}" for name in ("access_token", "refresh_token")}
    made = {
        n: bench.keyring.encrypt(claimed.data_key, claimed.slot(n, claimed.version + 1), t) for n, t in tokens.items()
    }
    reply = Reply(claimed.data_key, made["access_token"], made["refresh_token"], 1800, 1400)
    assert await renewals.save(claimed, reply, told=True) is Outcome.ROTATED
    found = await bench.readable()
    for name, text in tokens.items():
        assert found["credentials", "hubspot", name, claimed.version + 1] == text
    assert (await bench.data_key())["key_id"] != old


async def test_a_row_that_was_put_back_is_moved_again(bench: KeysBench) -> None:
    """As a restored backup does: data key and ciphertexts of before."""
    before, row = await bench.fill(), await bench.data_key()
    rows = {
        table: [one for name, one in await bench.rows() if name == table] for table in ("credentials", "revocations")
    }
    await bench.rotation.rotate()
    await bench.rewrapped()
    await bench.place.admin(
        "UPDATE data_keys SET wrapped = $2, key_id = $3, generation = $4 WHERE workspace_id = $1",
        ACME,
        row["wrapped"],
        row["key_id"],
        row["generation"],
    )
    for one in rows["credentials"]:
        await bench.place.admin(
            "UPDATE credentials SET access_key = $3, secret = $4, access_token = $5, refresh_token = $6"
            " WHERE workspace_id = $1 AND provider = $2",
            ACME,
            one["provider"],
            *(one[name] for name in ("access_key", "secret", "access_token", "refresh_token")),
        )
    for one in rows["revocations"]:
        await bench.place.admin(
            "UPDATE revocations SET access_token = $2, refresh_token = $3 WHERE id = $1",
            one["id"],
            one["access_token"],
            one["refresh_token"],
        )
    assert await bench.readable() == before
    assert (await (await run_of(bench)).run()).data_keys == 1
    assert await bench.readable() == before


async def test_what_does_not_open_stays_as_it_is_and_is_named(bench: KeysBench) -> None:
    await bench.fill()
    other = await bench.fill(RIVAL)
    await bench.place.admin(
        "UPDATE credentials SET secret = 'damaged' WHERE workspace_id = $1 AND provider = 'gong'", ACME
    )
    row, ciphertexts = await bench.data_key(), await bench.ciphertexts()
    await bench.rotation.rotate()
    result = await (await run_of(bench)).run()
    assert (result.data_keys, result.broken, result.whole) == (1, (ACME,), False)
    assert await bench.data_key() == row
    assert await bench.ciphertexts() == ciphertexts
    assert await bench.readable(RIVAL) == other


async def test_a_data_key_that_was_moved_meanwhile_is_left_alone(bench: KeysBench) -> None:
    await bench.fill()
    await bench.rotation.rotate()
    keyring = await bench.another_keyring()
    async with bench.db.workspace(ACME) as tx:
        found = await store.to_move(tx, keyring.primary)
    assert found is not None
    await bench.rewrapped()
    row = await bench.data_key()
    with pytest.raises(Transient):
        async with bench.db.workspace(ACME) as tx:
            if not await store.move(tx, found.generation, keyring.renewed_data_key(found.wrapped, ACME)):
                raise Transient("moved")
    assert await bench.data_key() == row


async def test_the_row_names_the_key_that_wraps_also_when_another_one_became_primary_meanwhile(
    bench: KeysBench,
) -> None:
    await bench.fill()
    keyset = await bench.rotation.rotate()
    run = await run_of(bench)
    later = keyset.rotated()

    def rotated(point: str) -> None:
        if point == "rewrap.before_data_key":
            run.keyring._use(later)

    faultpoints.arm(rotated)
    try:
        assert await run.move(ACME)
    finally:
        faultpoints.arm(None)
    row = await bench.data_key()
    assert row["key_id"] == wrapping_key_of(bytes(row["wrapped"])) == keyset.primary


async def test_an_error_of_the_secret_manager_is_told_in_its_own_words(bench: KeysBench) -> None:
    await bench.fill()
    keyring = await bench.another_keyring()
    await bench.rotation.rotate()
    await bench.rewrapped()
    # Its keyset is out of date, and the key that it wants to move away from is one that it has never heard of.
    await bench.secrets.add_version("vault-keyset", b"no keyset")
    with pytest.raises(MissingSettings, match="vault-keyset is not a Tink AEAD keyset"):
        await Rewrapping(bench.db, keyring).run()


async def test_under_way_with_everything_else_nothing_fails_and_nothing_is_lost(bench: KeysBench) -> None:
    """Grants, connects and rewraps, after one rotation and another, on the same few workspaces."""
    chance = random.Random(4)
    workspaces = [WorkspaceId(f"org_crowd{number}") for number in range(6)]
    last: dict[WorkspaceId, str] = {}
    for workspace in workspaces:
        await bench.fill(workspace)
    keyrings = [bench.keyring, await bench.another_keyring()]

    async def connect(number: int) -> None:
        workspace, keyring = chance.choice(workspaces), chance.choice(keyrings)
        async with bench.db.workspace(workspace) as tx:
            turn = await credentials.next_version(tx, Provider.GONG, uuid.uuid4())
            await connected(bench.place, tx, turn, f"{number}", keyring)
            # In the order of the commits, for the row is locked.
            tx.on_commit(lambda: last.__setitem__(workspace, f"{number} secret"))

    async def grant() -> None:
        workspace, keyring = chance.choice(workspaces), chance.choice(keyrings)
        async with bench.db.workspace(workspace) as tx:
            stored = await credentials.credential(tx, Provider.GONG)
            assert stored is not None
            request = GrantRequest(uuid7(), Provider.GONG, "ingest", "run", "run-1")
            assert await credentials.journal(tx, request, stored.version)
            keyring.decrypt(await keyring.data_key(tx), stored.slot(tx, "secret"), stored.fields["secret"])

    async def others() -> None:
        for number in range(120):
            await (grant() if chance.random() < 0.7 else connect(number))

    async def rewraps() -> None:
        for _ in range(3):
            await bench.rotation.rotate()
            result = await (await run_of(bench)).run()
            assert result.broken == ()

    async with asyncio.TaskGroup() as group:
        group.create_task(others())
        group.create_task(others())
        group.create_task(rewraps())
    await bench.rewrapped()
    for workspace, text in last.items():
        found = await bench.readable(workspace)
        assert [
            value for (table, provider, name, _), value in found.items() if (provider, name) == ("gong", "secret")
        ] == [text]

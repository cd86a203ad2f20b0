"""`credential-vault keys …`, as an operator runs it: against the same secrets and the same database as the service."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from typer.testing import Result

from contracts.sealing import SealedTo, SealingKey
from credential_vault.cli import app
from credential_vault.encryption.keyset import Keyset
from credential_vault.settings import Settings
from integration.credential_vault.keys_bench import ACME, RIVAL, KeysBench
from testkit.commands import run
from testkit.services import environment_for

Keys = Callable[..., Awaitable[Result]]


@pytest.fixture
def keys(bench: KeysBench, settings: Settings) -> Keys:
    environment = environment_for(settings) | {"COLUMNS": "120"}

    async def keys(*arguments: str) -> Result:
        return await run(app, "keys", *arguments, env=environment)

    return keys


async def census_of(keys: Keys) -> dict[int, dict[str, Any]]:
    done = await keys("census", "--json")
    assert done.exit_code == 0, done.output
    return {int(key_id): one for key_id, one in json.loads(done.stdout)["keys"].items()}


async def test_an_operator_retires_a_key(bench: KeysBench, keys: Keys) -> None:
    """In the order of docs/vault.md."""
    before = await bench.fill()
    old = bench.keyring.primary
    assert await census_of(keys) == {old: {"data_keys": 1, "fields": 7, "parked": 0, "backups": 0, "state": "primary"}}
    done = await keys("rotate")
    assert "is the primary one now. Next: `keys rewrap`." in done.stdout
    new = (await bench.secret.read()).primary
    assert f"Key {new} " in done.stdout
    refused = await keys("disable", str(old))
    assert refused.exit_code == 1
    assert f"key {old} is still needed: 1 data keys with 7 fields" in refused.stderr
    done = await keys("rewrap")
    assert done.exit_code == 0
    assert "1 data keys moved, 7 fields encrypted anew." in done.stdout
    assert "rewrapping" in done.stderr, "the bar is for people, and leaves the output alone"
    refused = await keys("disable", str(old))
    assert "wait so long after the last `keys rewrap`" in refused.stderr
    await bench.place.admin("UPDATE data_keys SET rewrapped_at = rewrapped_at - interval '1 hour'")
    for command, state in (("disable", "disabled"), ("enable", "enabled"), ("disable", "disabled")):
        done = await keys(command, str(old), "--json")
        assert json.loads(done.stdout) == {state: old}
        assert (await census_of(keys))[old]["state"] == state
    done = await keys("destroy", str(old))
    assert "Destroy the earlier versions of the secret `vault-keyset`" in done.stdout
    assert set(await census_of(keys)) == {new}
    assert await bench.readable() == before


async def test_the_census_is_a_table_for_people(bench: KeysBench, keys: Keys) -> None:
    await bench.fill()
    done = await keys("census")
    line = next(line for line in done.stdout.splitlines() if str(bench.keyring.primary) in line)
    assert [cell.strip() for cell in line.strip("│ ").split("│")] == [
        str(bench.keyring.primary),
        "primary",
        "1",
        "7",
        "0",
        "0",
    ]


async def test_a_run_that_leaves_something_says_so_and_fails(bench: KeysBench, keys: Keys) -> None:
    await bench.fill()
    await bench.fill(RIVAL)
    await bench.place.admin(
        "UPDATE credentials SET secret = 'damaged' WHERE workspace_id = $1 AND provider = 'gong'", ACME
    )
    await keys("rotate")
    done = await keys("rewrap")
    assert done.exit_code == 1
    assert f"These do not open and stay as they are: {ACME}." in done.stdout
    done = await keys("rewrap", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"data_keys": 0, "fields": 0, "broken": [ACME], "busy": 0}
    assert all(line.startswith("{") for line in done.stderr.splitlines()), "log lines only: no bar is drawn"


async def test_rewrapping_destroys_first_what_a_backup_has_brought_back(bench: KeysBench, keys: Keys) -> None:
    await bench.fill()
    row = await bench.data_key()
    async with bench.db.workspace(ACME) as tx:
        await bench.shredding.shred(tx)
    await bench.place.admin(
        "UPDATE data_keys SET wrapped = $1, key_id = $2, destroyed_at = NULL", row["wrapped"], row["key_id"]
    )
    await keys("rotate")
    done = await keys("rewrap", "--json")
    assert json.loads(done.stdout)["data_keys"] == 0
    assert (await bench.data_key())["wrapped"] is None


async def test_backups_are_noted_and_listed(bench: KeysBench, keys: Keys) -> None:
    await bench.fill()
    noted = json.loads((await keys("backup-taken", "--days", "3", "--json")).stdout)
    assert noted["key_ids"] == [bench.keyring.primary]
    assert json.loads((await keys("backups", "--json")).stdout) == [noted]
    assert str(bench.keyring.primary) in (await keys("backups")).stdout
    assert "its keys stay until" in (await keys("backup-taken")).stdout
    assert (await census_of(keys))[bench.keyring.primary]["backups"] == 2


async def test_begin_again_asks_and_then_makes_a_new_key(bench: KeysBench, keys: Keys) -> None:
    async with bench.db.workspace(ACME) as tx:
        await bench.shredding.shred(tx)
    assert (await keys("begin-again", ACME)).exit_code == 1, "nobody has answered"
    assert (await bench.data_key())["wrapped"] is None
    done = await keys("begin-again", ACME, "--yes")
    assert f"{ACME} can connect again." in done.stdout
    assert (await bench.data_key())["wrapped"] is not None
    refused = await keys("begin-again", ACME, "--yes")
    assert refused.exit_code == 1
    assert "nothing to begin again" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("disable", "1"), "the keyset has no key 1; it has"),
        (("enable", "1"), "the keyset has no key 1; it has"),
        (("destroy", "1"), "the keyset has no key 1; it has"),
        (("wrap",), "set CALLMINE_VAULT_KMS_KEY to its resource name first"),
    ],
)
async def test_what_is_not_possible_is_said_in_words(keys: Keys, arguments: tuple[str, ...], words: str) -> None:
    done = await keys(*arguments)
    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output


async def test_with_a_wrong_keyset_nothing_is_done(bench: KeysBench, keys: Keys) -> None:
    await bench.secrets.add_version("vault-keyset", b"no keyset at all")
    for command in ("rotate", "rewrap", "census", "wrap"):
        done = await keys(command)
        assert done.exit_code in (1, 78)
        assert "vault-keyset" in done.stderr or "CALLMINE_VAULT_KMS_KEY" in done.stderr
        assert "no keyset at all" not in done.output


async def test_new_keys_are_printed_and_nothing_else_shows_any(bench: KeysBench, keys: Keys) -> None:
    made = Keyset.parse((await keys("new-keyset")).stdout)
    assert len(made.statuses) == 1
    private, public = (line.split(": ")[1] for line in (await keys("new-sealing-key")).stdout.splitlines())
    assert SealedTo.parse(public).key_id == SealedTo.parse(SealingKey.parse(private).public_text()).key_id
    await bench.fill()
    said = ""
    for command in (("rotate",), ("rewrap",), ("census",), ("census", "--json"), ("backup-taken",), ("backups",)):
        said += (await keys(*command)).output
    secret = json.loads((await bench.secret.read()).text)
    for key in secret["key"]:
        assert key["keyData"]["value"] not in said

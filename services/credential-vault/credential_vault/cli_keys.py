"""`credential-vault keys …`: what an operator does with the vault's keys. docs/decisions/0010 says in which order."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer

from contracts.sealing import SealingKey
from core.ids import parse_workspace_id
from credential_vault.encryption.census import Uses, census, sealing_census
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.keyset import Keyset
from credential_vault.encryption.opening import Keys, open_keys, open_secret
from credential_vault.encryption.rewrapping import Rewrapped, Rewrapping
from credential_vault.encryption.rotation import Rotation
from credential_vault.main import SERVICE
from credential_vault.settings import Settings
from credential_vault.store import keys as store
from credential_vault.store.keys import Backup
from database import Database
from runtime import assembled
from runtime.commands import reporting_errors
from web import load_settings

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs")]
KeyId = Annotated[int, typer.Argument(help="The key's id, as `keys census` shows it")]

app = typer.Typer(help="The vault's keys: make, rotate, count, retire", no_args_is_help=True)


@app.command("new-keyset")
def new_keyset() -> None:
    """Print a new Tink keyset in JSON: pipe it into Secret Manager as `vault-keyset`, never into a file."""
    typer.echo(Keyring.generate())


@app.command("new-sealing-key")
def new_sealing_key() -> None:
    """Print a new sealing key: the private half for Secret Manager, the public half for the vault's configuration."""
    key = SealingKey.generate()
    typer.echo(f"private: {key.private_text()}\npublic: {key.public_text()}")


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Make a new primary key, in a new version of the secret `vault-keyset`. Then run `keys rewrap`."""
    keyset = _run(_rotation(Rotation.rotate))
    _say(as_json, {"primary": keyset.primary}, f"Key {keyset.primary} is the primary one now. Next: `keys rewrap`.")


@app.command()
def wrap(as_json: AsJson = False) -> None:
    """Have the key of Cloud KMS wrap a keyset that lies in the clear, in a new version of the secret."""
    keyset = _run(_rotation(Rotation.wrap))
    text = "The keyset is wrapped. Destroy the earlier versions of the secret `vault-keyset`."
    _say(as_json, {"primary": keyset.primary}, text)


@app.command()
def rewrap(as_json: AsJson = False) -> None:
    """Move all data keys to the primary key, and encrypt all fields anew. May be killed and started again at any moment."""
    result = _run(_opened(lambda db, keys: _rewrapped(db, keys, shown=not as_json)))
    found = {**dataclasses.asdict(result), "broken": list(result.broken)}
    text = f"{result.data_keys} data keys moved, {result.fields} fields encrypted anew."
    if result.busy:
        text += f" {result.busy} are in use: run it again."
    if result.broken:
        text += f" These do not open and stay as they are: {', '.join(result.broken)}."
    _say(as_json, found, text)
    if not result.whole:
        raise typer.Exit(1)


@app.command("census")
def show_census(as_json: AsJson = False) -> None:
    """Count what needs which key: data keys, fields, messages that wait or are parked, backups."""
    keyset, uses, sealed = _run(_opened(_counted))
    if as_json:
        keys = {key_id: {**dataclasses.asdict(one), "state": _state(keyset, key_id)} for key_id, one in uses.items()}
        typer.echo(json.dumps({"keys": keys, "sealed": sealed}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("key", "state", "data keys", "fields", "parked", "backups")
    for key_id, one in uses.items():
        numbers = (one.data_keys, one.fields, one.parked, one.backups)
        table.add_row(str(key_id or "unknown"), _state(keyset, key_id), *(f"{number:,}" for number in numbers))
    Console().print(table)
    for name, number in sealed.items():
        typer.echo(f"sealed to {name or 'an unknown key'}: {number} waiting or parked here")


@app.command()
def disable(key_id: KeyId, as_json: AsJson = False) -> None:
    """Stop using a key; refused while the census finds anything that needs it."""
    _run(_rotation(lambda rotation: rotation.disable(key_id)))
    text = f"Key {key_id} is disabled. `keys enable {key_id}` brings it back, `keys destroy {key_id}` ends it."
    _say(as_json, {"disabled": key_id}, text)


@app.command()
def enable(key_id: KeyId, as_json: AsJson = False) -> None:
    """Use a disabled key again."""
    _run(_rotation(lambda rotation: rotation.enable(key_id)))
    _say(as_json, {"enabled": key_id}, f"Key {key_id} opens ciphertexts again.")


@app.command()
def destroy(key_id: KeyId, as_json: AsJson = False) -> None:
    """Take a disabled key out of the keyset; refused while the census finds anything that needs it."""
    _run(_rotation(lambda rotation: rotation.destroy(key_id)))
    text = f"Key {key_id} is out of the keyset. Destroy the earlier versions of the secret `vault-keyset`: they hold it still."
    _say(as_json, {"destroyed": key_id}, text)


@app.command("backup-taken")
def backup_taken(
    days: Annotated[int | None, typer.Option(min=1, help="How long it is kept; as settings say if not given")] = None,
    as_json: AsJson = False,
) -> None:
    """Note a backup of the database, with the keys it needs. Run it right before the backup is taken."""

    async def noted(db: Database, keys: Keys) -> Backup:
        kept = timedelta(days=days) if days else keys.shredding.register.retention
        return await store.backup_taken(db, datetime.now(UTC) + kept, keys.keyring.primary)

    backup = _run(_opened(noted))
    _say(as_json, _plain(backup), f"Noted: its keys stay until {backup.expires_at:%Y-%m-%d}.")


@app.command()
def backups(as_json: AsJson = False) -> None:
    """List the noted backups, newest first."""
    found = _run(_opened(lambda db, _: store.backups(db)))
    if as_json:
        typer.echo(json.dumps([_plain(backup) for backup in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("taken", "kept until", "keys")
    for one in found:
        table.add_row(f"{one.taken_at:%Y-%m-%d %H:%M}", f"{one.expires_at:%Y-%m-%d %H:%M}", _listed(one.key_ids))
    Console().print(table)


@app.command("begin-again")
def begin_again(
    workspace: Annotated[str, typer.Argument(help="The workspace's id")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Give a workspace whose keys were destroyed a new data key, so that it can connect again. What was before stays unreadable."""
    if not yes:
        typer.confirm(f"Let {workspace} connect again?", abort=True)

    async def begun(db: Database, keys: Keys) -> None:
        async with db.workspace(parse_workspace_id(workspace)) as tx:
            await keys.shredding.begin_again(tx)

    _run(_opened(begun))
    typer.echo(f"{workspace} can connect again.")


async def _rewrapped(db: Database, keys: Keys, *, shown: bool) -> Rewrapped:
    await keys.shredding.destroy_again()
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rewrapping"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("rewrapping", total=None)
        return await Rewrapping(
            db, keys.keyring, lambda done, total: bar.update(task, completed=done, total=max(done, total))
        ).run()


async def _counted(db: Database, keys: Keys) -> tuple[Keyset, dict[int, Uses], dict[str, int]]:
    keyset = await keys.secret.read()
    return keyset, await census(db, keyset.statuses), dict(await sealing_census(db))


def _state(keyset: Keyset, key_id: int) -> str:
    if key_id == keyset.primary:
        return "primary"
    return keyset.statuses[key_id].lower() if key_id in keyset.statuses else "unknown"


def _opened(work: Callable[[Database, Keys], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """`work` with the database and the vault's keys."""

    async def opened() -> T:
        async with _database() as (settings, db), open_keys(settings, db) as keys:
            return await work(db, keys)

    return opened


def _rotation(work: Callable[[Rotation], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """`work` with the keyset's secret, which need not hold a right keyset."""

    async def opened() -> T:
        async with _database() as (settings, db), open_secret(settings) as secret:
            return await work(Rotation(db, secret))

    return opened


@asynccontextmanager
async def _database() -> AsyncIterator[tuple[Settings, Database]]:
    settings = load_settings(Settings, SERVICE)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(assembled(SERVICE, settings))
        yield settings, parts.db


def _run(work: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await work()

    with reporting_errors():
        return asyncio.run(run())


def _say(as_json: bool, found: object, text: str) -> None:
    typer.echo(json.dumps(found) if as_json else text)


def _plain(backup: Backup) -> dict[str, object]:
    return {
        "id": str(backup.id),
        "taken_at": backup.taken_at.isoformat(),
        "expires_at": backup.expires_at.isoformat(),
        "key_ids": list(backup.key_ids),
    }


def _listed(key_ids: tuple[int, ...]) -> str:
    return ", ".join(str(key_id) for key_id in key_ids)

"""`audit log key | head | seal | export | erase`: for operators."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from typing import Annotated

import typer

from audit.log import erasure, export, store
from audit.log.note import Keyring, Signer
from audit.log.sealing import Sealer, SealerSettings
from audit.log.store import sweeps
from audit.settings import Settings
from core.ids import parse_workspace_id
from database import Database
from runtime import assembled, secrets_for
from runtime.commands import reporting_errors
from web import load_settings

log_app = typer.Typer(help="The log that proves what the audit log says", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]


@log_app.command("new-key")
def new_key(name: Annotated[str, typer.Option(help="The key's name")] = "callmine.ai/audit") -> None:
    """Print a new signing key, for the secret audit-log-key; put it above those that are there."""
    typer.echo(Signer.text(name, secrets.token_bytes(32)))


@log_app.command()
def head(workspace: Workspace) -> None:
    """Print a workspace's signed checkpoint, and on standard error how many entries wait to be sealed."""
    with reporting_errors():
        checkpoint, waiting = asyncio.run(_head(workspace))
    typer.echo(f"{waiting} entries wait", err=True)
    typer.echo(checkpoint, nl=False)


@log_app.command()
def seal(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs")] = False) -> None:
    """Seal everything that has arrived, as the service does twice a second."""
    with reporting_errors():
        told = asyncio.run(_seal())
    typer.echo(json.dumps(told) if as_json else f"{told['sealed']} entries sealed, {told['waiting']} wait")


@log_app.command("export")
def export_command(workspace: Workspace) -> None:
    """Write a workspace's log with its proof to standard output."""
    with reporting_errors():
        asyncio.run(_export(workspace))


@log_app.command()
def erase(
    workspace: Workspace,
    request: Annotated[str, typer.Option(help="The request this answers; it is named in the log for good")],
    person: Annotated[str, typer.Option(help="User id; without it everything is erased")] = "",
    everything: Annotated[bool, typer.Option("--everything", help="Confirms that no person is meant")] = False,
) -> None:
    """Erase what tells of a person, or with --everything the whole workspace, from the audit log."""
    if bool(person) == everything:
        raise typer.BadParameter("name --person, or give --everything")
    with reporting_errors():
        told = asyncio.run(_erase(workspace, request, person))
    typer.echo(told)


async def _head(workspace: str) -> tuple[str, int]:
    async with (
        assembled("audit", load_settings(Settings, "audit")) as parts,
        parts.db.workspace(parse_workspace_id(workspace)) as tx,
    ):
        return (await store.head(tx)).checkpoint, await store.waiting(tx)


async def _seal() -> dict[str, int]:
    settings = load_settings(Settings, "audit")
    async with assembled("audit", settings) as parts:
        sealed = await (await _sealer(parts.db, settings)).drain()
        async with parts.db.sweep() as tx:
            return {"sealed": sealed, "waiting": await sweeps.waiting(tx)}


async def _export(workspace: str) -> None:
    async with assembled("audit", load_settings(Settings, "audit")) as parts:
        async for chunk in export.lines(parts.db, parse_workspace_id(workspace)):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


async def _erase(workspace: str, request: str, person: str) -> str:
    settings = load_settings(Settings, "audit")
    async with assembled("audit", settings) as parts:
        sealer = await _sealer(parts.db, settings)
        done = await erasure.erase(parts.db, sealer.drain, parse_workspace_id(workspace), request, person)
        count = sum(last - first + 1 for first, last in done.positions)
        return f"{count} entries are erased on request {request}"


async def _sealer(db: Database, settings: Settings) -> Sealer:
    reading = secrets_for(settings)
    try:
        keyring = Keyring.parse((await reading.read("audit-log-key")).decode())
    finally:
        await reading.close()
    return Sealer(db, keyring, SealerSettings(settings.log_origin, settings.seal_seconds, settings.anchor_seconds))

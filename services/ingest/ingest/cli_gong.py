"""`ingest gong-rules add | list | close`: the addresses that automation rules of customers' Gong send webhooks to."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import InvalidInput, NotFound
from core.ids import parse_workspace_id
from database import Database, Tx
from ingest.cli_database import asked
from ingest.main import SERVICE
from ingest.settings import Settings
from ingest.store import webhooks, workspaces
from ingest.webhooks.desk import GONG_PATH
from ingest.webhooks.gong import public_key
from runtime.commands import reporting_errors
from web import load_settings

T = TypeVar("T")

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]

# An RSA key of 16,384 bits is 3 KB in base64.
_LONGEST_KEY_FILE = 16_384

app = typer.Typer(help="Addresses for automation rules of customers' Gong", no_args_is_help=True)


@app.command("add")
def add(
    workspace: Workspace,
    key_file: Annotated[Path, typer.Argument(help="File with the public key, as the rule in Gong shows it")],
) -> None:
    """Open an address for a rule, and print it: the rule's \"Webhook URL\"."""
    endpoint = secrets.token_hex(16)
    with reporting_errors():
        settings, key = load_settings(Settings, SERVICE), _key_in(key_file)
        _within(settings, workspace, lambda tx: webhooks.open_address(tx, endpoint, key))
        typer.echo(_address(settings, endpoint))


@app.command("list")
def list_addresses(
    workspace: Workspace,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs")] = False,
) -> None:
    """List a workspace's open addresses."""
    with reporting_errors():
        settings = load_settings(Settings, SERVICE)
        found = _within(settings, workspace, webhooks.addresses)
    lines = [{"address": _address(settings, one.endpoint), "created_at": one.created_at.isoformat()} for one in found]
    shown = "\n".join(f"{line['created_at']}  {line['address']}" for line in lines) or "No address is open."
    typer.echo(json.dumps(lines, indent=2) if as_json else shown)


@app.command("close")
def close(
    workspace: Workspace,
    address: Annotated[str, typer.Argument(help="The address, or its last part")],
) -> None:
    """Close an address: what comes in there is refused from now on."""
    endpoint = address.rpartition("/")[2]
    with reporting_errors():
        settings = load_settings(Settings, SERVICE)
        if not _within(settings, workspace, lambda tx: webhooks.close_address(tx, endpoint)):
            raise NotFound("the workspace has no such address: `ingest gong-rules list` shows those it has")


def _key_in(path: Path) -> str:
    """The public key in a file, as bare base64. Raises InvalidInput, which quotes nothing of the file."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY_FILE + 1)
    except OSError as error:
        raise InvalidInput(
            f"the key file cannot be read ({type(error).__name__}): give the path of a file with the public key"
        ) from None
    if b"PRIVATE KEY" in content:
        raise InvalidInput(
            "the file holds a private key, which nobody but Gong should have: give the rule's public key"
        )
    text = content.decode("ascii", errors="replace") if len(content) <= _LONGEST_KEY_FILE else ""
    der = public_key(text).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _address(settings: Settings, endpoint: str) -> str:
    return f"{settings.webhooks_origin}{GONG_PATH}{endpoint}"


def _within(settings: Settings, workspace: str, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Do `work` in a workspace. Raises NotFound for one that Clerk has not told of, and InvalidInput for what is no workspace's id."""
    workspace_id = parse_workspace_id(workspace)

    async def done(db: Database) -> T:
        async with db.workspace(workspace_id) as tx:
            if await workspaces.read_workspace(tx) is None:
                raise NotFound("no such workspace is known here: `ingest workspaces list` shows all")
            return await work(tx)

    return asyncio.run(asked(settings, done))

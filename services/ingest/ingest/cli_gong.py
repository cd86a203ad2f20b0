"""`ingest gong-rules add | list | close`: the addresses that automation rules of customers' Gong send webhooks to."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from core.errors import NotFound
from core.ids import parse_workspace_id
from database import Tx
from ingest.main import SERVICE, compose
from ingest.settings import Settings
from ingest.store import webhooks
from ingest.webhooks.desk import GONG_PATH
from ingest.webhooks.gong import public_key
from runtime import reporting_errors
from web import load_settings

T = TypeVar("T")

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]

app = typer.Typer(help="Addresses for automation rules of customers' Gong", no_args_is_help=True)


@app.command("add")
def add(
    workspace: Workspace,
    key_file: Annotated[Path, typer.Argument(help="File with the public key, as the rule in Gong shows it")],
) -> None:
    """Open an address for a rule, and print it: the rule's \"Webhook URL\"."""
    endpoint = secrets.token_hex(16)
    with reporting_errors():
        text = key_file.read_text().strip()
        public_key(text)
        asyncio.run(_within(workspace, lambda tx: webhooks.open_address(tx, endpoint, text)))
        typer.echo(_address(endpoint))


@app.command("list")
def list_addresses(
    workspace: Workspace,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs")] = False,
) -> None:
    """List a workspace's open addresses."""
    with reporting_errors():
        found = asyncio.run(_within(workspace, webhooks.addresses))
        lines = [{"address": _address(one.endpoint), "created_at": one.created_at.isoformat()} for one in found]
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
        if not asyncio.run(_within(workspace, lambda tx: webhooks.close_address(tx, endpoint))):
            raise NotFound("the workspace has no such address: `ingest gong-rules list` shows those it has")


def _address(endpoint: str) -> str:
    return f"{load_settings(Settings, SERVICE).webhooks_origin}{GONG_PATH}{endpoint}"


async def _within(workspace: str, work: Callable[[Tx], Awaitable[T]]) -> T:
    async with (
        compose(load_settings(Settings, SERVICE)) as parts,
        parts.db.workspace(parse_workspace_id(workspace)) as tx,
    ):
        return await work(tx)

"""`audit serve | migrate | parked | entries | log`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from audit import store
from audit.log.cli import log_app
from audit.main import SERVICE, compose
from audit.settings import Settings
from core.ids import parse_workspace_id
from runtime import reporting_errors, service_app
from web import load_settings

app = service_app(SERVICE, Settings, compose)
app.add_typer(log_app, name="log")


@app.command()
def entries(
    workspace: Annotated[str, typer.Argument(help="Workspace id, org_…")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs")] = False,
) -> None:
    """Count a workspace's audit entries by type."""
    with reporting_errors():
        counts = asyncio.run(_count(workspace))
    typer.echo(json.dumps(counts) if as_json else "\n".join(f"{number:7}  {kind}" for kind, number in counts.items()))


async def _count(workspace: str) -> dict[str, int]:
    async with (
        compose(load_settings(Settings, SERVICE)) as parts,
        parts.db.workspace(parse_workspace_id(workspace)) as tx,
    ):
        return await store.count_by_type(tx)

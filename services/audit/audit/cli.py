"""`audit serve | migrate | parked | entries | index | log | staff`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from audit import store
from audit.domain import Position
from audit.log.cli import log_app
from audit.main import SERVICE, compose
from audit.settings import Settings
from audit.staff.cli import staff_app
from audit.store import search
from core.ids import parse_workspace_id
from runtime.commands import reporting_errors, service_app
from web import load_settings

_INDEXED_AT_ONCE = 500

app = service_app(SERVICE, Settings, compose)
app.add_typer(log_app, name="log")
app.add_typer(staff_app, name="staff")


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


@app.command()
def index(workspace: Annotated[str, typer.Argument(help="Workspace id, org_…")]) -> None:
    """Keep the words and names of a workspace's entries anew: for entries that are older than the search."""
    with reporting_errors():
        count = asyncio.run(_index(workspace))
    typer.echo(f"{count} entries")


async def _index(workspace: str) -> int:
    count, place = 0, Position()
    async with compose(load_settings(Settings, SERVICE)) as parts:
        while True:
            async with parts.db.workspace(parse_workspace_id(workspace)) as tx:
                page = await store.page(tx, place, _INDEXED_AT_ONCE)
                await search.index(tx, page.entries)
            count += len(page.entries)
            if page.next is None:
                return count
            place = page.next

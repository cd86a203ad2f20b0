"""`retention plans reconcile | troubled`: plans and Stripe, held to each other again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from core.ids import WorkspaceId, parse_workspace_id
from database import Database
from retention.domain.billing import SUBSCRIPTIONS
from retention.main import SERVICE, compose
from retention.settings import Settings
from retention.store import readings
from retention.store.readings import Cause, Listed
from runtime.commands import reporting_errors
from web import load_settings

plans_app = typer.Typer(help="Plans, and what Stripe says of them", no_args_is_help=True)

_PAGE = 500
_LISTED = 100


@plans_app.command()
def reconcile(
    workspace: Annotated[str, typer.Argument(help="Workspace id, org_…; without one all that have a customer")] = "",
) -> None:
    """Have everything read at Stripe again: plans follow from what is there now. Changes nothing that is right already."""
    with reporting_errors():
        count = asyncio.run(_reconcile(workspace))
    typer.echo(
        f"{count} {'workspace is' if count == 1 else 'workspaces are'} read at Stripe again, by the running service."
    )


@plans_app.command()
def troubled() -> None:
    """What was read at Stripe and refused, could not be read, or has to be looked at; the newest first."""
    with reporting_errors():
        found = asyncio.run(_troubled())
    for one in found:
        state = "refused" if one.refused else "open"
        typer.echo(f"{one.asked_at:%Y-%m-%d %H:%M:%S}  {state:7}  {one.workspace_id}  {one.subject}  {one.outcome}")
    if not found:
        typer.echo("Nothing: all that was asked for was read.")


async def _reconcile(workspace: str) -> int:
    async with compose(load_settings(Settings, SERVICE)) as parts:
        if workspace:
            await _ask(parts.db, parse_workspace_id(workspace))
            return 1
        count, after = 0, ""
        while page := await readings.customers_after(parts.db, after, _PAGE):
            for one in page:
                await _ask(parts.db, one)
            count, after = count + len(page), page[-1]
        return count


async def _ask(db: Database, workspace_id: WorkspaceId) -> None:
    async with db.workspace(workspace_id) as tx:
        await readings.ask(tx, SUBSCRIPTIONS, Cause.SYSTEM)


async def _troubled() -> Sequence[Listed]:
    async with compose(load_settings(Settings, SERVICE)) as parts:
        return await readings.troubled(parts.db, _LISTED)

"""`retention serve | migrate | parked | plan | plans | erasures | staff`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from contracts import Actor
from core.ids import parse_workspace_id
from retention.catalogue import read_plans
from retention.cli_erasures import erasures_app
from retention.cli_plans import plans_app
from retention.domain.plans import PlanName
from retention.events import announce
from retention.handlers import PlanChange, Plans
from retention.main import SERVICE, compose
from retention.settings import Settings
from retention.store.staff import QUESTIONS
from runtime.commands import reporting_errors, service_app
from runtime.staff_cli import staff_app
from web import load_settings

app = service_app(SERVICE, Settings, compose)
app.add_typer(plans_app, name="plans")
app.add_typer(erasures_app, name="erasures")
app.add_typer(staff_app(SERVICE, Settings, compose, QUESTIONS), name="staff")


@app.command()
def plan(
    workspace: Annotated[str, typer.Argument(help="Workspace id, org_…")],
    name: Annotated[str, typer.Argument(help="trial, free, starter, growth or scale")],
) -> None:
    """Move a workspace to another plan; all services hear of it within a second. One with a subscription follows Stripe again."""
    with reporting_errors():
        change = asyncio.run(_change(workspace, name))
    typer.echo(f"{workspace} is on {change.plan} now." if change else f"{workspace} was on {name} already.")


async def _change(workspace: str, name: str) -> PlanChange | None:
    settings = load_settings(Settings, SERVICE)
    plans = Plans(read_plans(settings.plans_file))
    async with compose(settings) as parts, parts.db.workspace(parse_workspace_id(workspace)) as tx:
        change = await plans.change(tx, PlanName.parse(name))
        if change is not None:
            await announce(tx, parts.outbox, change, Actor(id=SERVICE))
        return change

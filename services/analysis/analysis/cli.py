"""`analysis serve | migrate | parked | runs | queue | costs | staff`."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from msgspec.structs import asdict

from analysis.domain.request import RunId
from analysis.main import SERVICE, compose
from analysis.settings import Settings
from analysis.store import model_requests
from analysis.store import runs as run_store
from analysis.store.staff import QUESTIONS
from core.ids import parse_workspace_id
from runtime.commands import service_app
from runtime.staff_cli import staff_app
from web import load_settings

app = service_app(SERVICE, Settings, compose)
runs = typer.Typer(help="Runs of a workspace: states and counts, never what was asked", no_args_is_help=True)
app.add_typer(runs, name="runs")
app.add_typer(staff_app(SERVICE, Settings, compose, QUESTIONS), name="staff")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs")]


@runs.command("list")
def list_runs(
    workspace: Annotated[str, typer.Argument(help="Workspace id, org_…")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first")] = 25,
    as_json: Json = False,
) -> None:
    """List a workspace's runs with their states."""
    found = [_line(run) for run in asyncio.run(_runs(workspace, limit))]
    if as_json:
        typer.echo(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("run", "state", "analysed", "failed", "of", "created")
    for line in found:
        table.add_row(*("" if value is None else str(value) for value in line.values()))
    Console().print(table)


@app.command()
def queue(as_json: Json = False) -> None:
    """Count the work that waits, in all workspaces together."""
    counts = asyncio.run(_queue())
    typer.echo(json.dumps(counts) if as_json else "\n".join(f"{count:7}  {name}" for name, count in counts.items()))


@app.command()
def costs(
    days: Annotated[int, typer.Option(min=1, max=366, help="Of so many days back")] = 30,
    workspace: Annotated[str | None, typer.Option(help="Of this workspace only, org_…")] = None,
    run: Annotated[uuid.UUID | None, typer.Option(help="Of this run only")] = None,
    as_json: Json = False,
) -> None:
    """Add up what the models have cost, by day (UTC) and model: tokens and micro-dollars, nothing of what was asked."""
    found = [asdict(one) for one in asyncio.run(_costs(days, workspace, run))]
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("day", "model", "requests", "no answer", "tokens in", "cached", "tokens out", "dollars")
    for line in found:
        shown = ("day", "model", "requests", "unanswered", "input_tokens", "cached_tokens", "output_tokens")
        table.add_row(*(str(line[name]) for name in shown), f"{line['cost_micro_dollars'] / 1_000_000:.2f}")
    Console().print(table)


async def _costs(days: int, workspace: str | None, run: uuid.UUID | None) -> list[model_requests.ModelCost]:
    since = datetime.now(UTC) - timedelta(days=days)
    of_workspace = parse_workspace_id(workspace) if workspace else None
    async with compose(load_settings(Settings, SERVICE)) as parts, parts.db.sweep() as tx:
        return await model_requests.costs(tx, since, of_workspace, RunId(run) if run else None)


async def _runs(workspace: str, limit: int) -> list[run_store.RunLine]:
    workspace_id = parse_workspace_id(workspace)
    async with compose(load_settings(Settings, SERVICE)) as parts, parts.db.workspace(workspace_id) as tx:
        return await run_store.runs_states(tx, limit)


async def _queue() -> dict[str, int]:
    async with compose(load_settings(Settings, SERVICE)) as parts, parts.db.sweep() as tx:
        return await run_store.waiting(tx)


def _line(run: run_store.RunLine) -> dict[str, str | int | None]:
    return {
        "run": str(run.id),
        "state": run.state,
        "analysed": run.calls_analysed,
        "failed": run.calls_failed,
        "of": run.calls_expected,
        "created": run.created_at.isoformat(timespec="seconds"),
    }

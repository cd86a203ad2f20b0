"""`ingest serve | migrate | parked | jobs | workspaces | gong-rules | staff`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer
from msgspec.structs import asdict

from database import Database
from ingest import cli_gong
from ingest.cli_database import asked
from ingest.domain.jobs import JobState
from ingest.main import SERVICE, compose
from ingest.settings import Settings
from ingest.store import jobs, workspaces
from ingest.store.staff import QUESTIONS
from runtime.commands import reporting_errors, service_app
from runtime.staff_cli import staff_app
from web import load_settings

T = TypeVar("T")
Line = jobs.JobLine | workspaces.WorkspaceLine

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs")]

app = service_app(SERVICE, Settings, compose)
jobs_app = typer.Typer(help="Fetch jobs: runs and previews", no_args_is_help=True)
workspaces_app = typer.Typer(help="Workspaces, as Clerk tells them", no_args_is_help=True)
app.add_typer(jobs_app, name="jobs")
app.add_typer(workspaces_app, name="workspaces")
app.add_typer(cli_gong.app, name="gong-rules")
app.add_typer(staff_app(SERVICE, Settings, compose, QUESTIONS), name="staff")


@jobs_app.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest fetch jobs of all workspaces."""
    _show(_run(lambda db: jobs.recent(db, state.value if state else "", limit)), as_json, "No fetch job yet.")


@workspaces_app.command("list")
def list_workspaces(as_json: AsJson = False) -> None:
    """List all workspaces by their ids; names are read under a grant (docs/staff-access.md)."""
    _show(_run(workspaces.all_workspaces), as_json, "No workspace yet: Clerk's webhooks create them.")


def _run(ask: Callable[[Database], Awaitable[T]]) -> T:
    """Needs the database only, so it works while everything else is away."""
    with reporting_errors():
        return asyncio.run(asked(load_settings(Settings, SERVICE), ask))


def _show(lines: Sequence[Line], as_json: bool, nothing: str) -> None:
    rows = [{name: _plain(value) for name, value in asdict(line).items()} for line in lines]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo(nothing)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


def _plain(value: object) -> str | int | None:
    return value if isinstance(value, int | None) else str(value)

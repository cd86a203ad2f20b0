"""`analysis reports erase`: one report, for our staff, where a customer has asked for that."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Annotated

import typer

from analysis.domain.request import ReportId
from analysis.handlers.report_erasing import ReportErasing
from analysis.main import SERVICE, compose, objects_of
from analysis.settings import Settings
from analysis.store.report_erasure import ReportTombstone
from contracts import Actor, ActorKind, Source
from core.errors import InvalidInput
from core.ids import parse_ticket, parse_workspace_id
from runtime.commands import reporting_errors
from runtime.staff import who
from web import load_settings

reports_app = typer.Typer(help="Reports of a workspace", no_args_is_help=True)


# Typer shows a group's name only where a second command could come.
@reports_app.callback()
def _reports() -> None:
    """Reports of a workspace."""


@reports_app.command("erase")
def erase(
    workspace: Annotated[str, typer.Argument(help="Workspace id, org_…")],
    report: Annotated[uuid.UUID, typer.Argument(help="The report's id, from its address")],
    ticket: Annotated[str, typer.Option(help="Number of the ticket, such as SUP-412, that the request is in")],
    confirm: Annotated[
        uuid.UUID,
        typer.Option(help="The report's id once more: it cannot be taken back, and nothing brings the report back"),
    ],
) -> None:
    """Erase one report, what it was made from, and its files, and print what was erased. Again is fine: it looks for what is left."""
    with reporting_errors():
        if confirm != report:
            raise InvalidInput("--confirm is not the report's id. Nothing was erased.")
        done = asyncio.run(_erase(workspace, ReportId(report), parse_ticket(ticket)))
    told = {
        "report": str(done.report_id),
        "run": str(done.run_id),
        "rows": dict(sorted(done.rows.items())),
        "objects": done.objects,
    }
    erased_at = done.erased_at.isoformat(timespec="seconds") if done.erased_at else None
    typer.echo(json.dumps({**told, "nothing_left_at": erased_at}))


async def _erase(workspace: str, report_id: ReportId, ticket: str) -> ReportTombstone:
    workspace_id, settings = parse_workspace_id(workspace), load_settings(Settings, SERVICE)
    async with compose(settings) as parts:
        staff = await who(parts)
        actor = Actor(kind=ActorKind.STAFF, id=staff, email=staff, source=Source.SYSTEM)
        erasing = ReportErasing(parts.db, parts.outbox, objects_of(parts, settings))
        return await erasing.erase(workspace_id, report_id, actor, ticket)

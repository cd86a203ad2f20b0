"""`audit staff grant | approve | revoke | list`: who of our staff may look into a workspace, and until when (docs/staff-access.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from msgspec import Struct

from audit.settings import Settings
from audit.staff.access import LONGEST_MINUTES, Access, Terms
from audit.staff.desk import Desk
from contracts.staff import Reason
from core.ids import parse_uuid, parse_workspace_id
from runtime import assembled
from runtime.commands import reporting_errors
from runtime.staff import who
from web import load_settings

T = TypeVar("T")

# The newest ones; the page has the others.
_LISTED = 25

staff_app = typer.Typer(help="Access of our own staff to a workspace's data, as an exception", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]
GrantId = Annotated[str, typer.Argument(help="The grant's id")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs")]


class _Here(Struct, frozen=True):
    """The desk, and who is at the keyboard by Google's word."""

    desk: Desk
    staff: str


@staff_app.command("grant")
def grant(
    workspace: Workspace,
    service: Annotated[str, typer.Option(help="The one service to look into: ingest, analysis or retention")],
    reason: Annotated[Reason, typer.Option(help="What for; there is no other reason")],
    ticket: Annotated[str, typer.Option(help="Number of the ticket, such as SUP-412; the workspace's admins see it")],
    minutes: Annotated[int, typer.Option(help=f"For how long, {LONGEST_MINUTES} at most")] = 30,
) -> None:
    """Ask for access. Nothing is open until a second person approves it."""

    async def ask(here: _Here) -> str:
        terms = Terms(staff=here.staff, service=service, reason=reason, ticket=ticket, minutes=minutes)
        return str(await here.desk.ask(parse_workspace_id(workspace), terms))

    grant_id = _run(ask)
    typer.echo(grant_id)
    typer.echo(
        f"Nothing is open yet. Within an hour somebody else runs: audit staff approve {workspace} {grant_id}", err=True
    )


@staff_app.command("approve")
def approve(
    workspace: Workspace,
    grant_id: GrantId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again")] = False,
) -> None:
    """Approve what somebody else asked for, after reading it. Its time counts from now."""
    asked = _run(lambda here: _one(here, workspace, grant_id))
    terms = asked.terms
    typer.echo(
        f"{terms.staff} asks to look into {workspace} at {terms.service} for {terms.minutes} minutes:"
        f" {terms.reason.value}, {terms.ticket}.",
        err=True,
    )
    if not yes:
        typer.confirm("Is this what is needed, and no more?", abort=True, err=True)
    approved = _run(lambda here: here.desk.approve(parse_workspace_id(workspace), asked.id, here.staff))
    until = approved.expires_at or approved.seen_at
    typer.echo(
        f"Open until {_moment(until)}. {terms.staff} runs: {terms.service} staff ask {workspace} {grant_id} QUESTION"
    )


@staff_app.command("revoke")
def revoke(workspace: Workspace, grant_id: GrantId) -> None:
    """End a grant now; anybody of our staff may, and the workspace's admins can on their page."""

    async def end(here: _Here) -> Access:
        return await here.desk.end(
            parse_workspace_id(workspace), parse_uuid(grant_id, "grant"), here.staff, by_staff=True
        )

    typer.echo(f"The grant is {_run(end).state.value}.")


@staff_app.command("list")
def list_grants(workspace: Workspace, as_json: AsJson = False) -> None:
    """List the newest grants of a workspace."""

    async def listed(here: _Here) -> list[Access]:
        return list((await here.desk.page(parse_workspace_id(workspace), None, _LISTED)).found)

    found = _run(listed)
    if as_json:
        typer.echo(json.dumps([_line(access) for access in found]))
        return
    for access in found:
        typer.echo("  ".join(value for value in _line(access).values() if value))
    if not found:
        typer.echo("Nobody of our staff has ever asked to look into this workspace.")


async def _one(here: _Here, workspace: str, grant_id: str) -> Access:
    access, _, _ = await here.desk.one(parse_workspace_id(workspace), parse_uuid(grant_id, "grant"), None, 1)
    return access


def _run(work: Callable[[_Here], Awaitable[T]]) -> T:
    """Do `work` as whoever is at the keyboard; errors are told in words."""

    async def done() -> T:
        async with _here() as here:
            return await work(here)

    with reporting_errors():
        return asyncio.run(done())


@asynccontextmanager
async def _here() -> AsyncIterator[_Here]:
    async with assembled("audit", load_settings(Settings, "audit")) as parts:
        yield _Here(Desk(parts.db, parts.outbox), await who(parts))


def _line(access: Access) -> dict[str, str]:
    terms = access.terms
    return {
        "grant": str(access.id),
        "state": access.state.value,
        "staff": terms.staff,
        "service": terms.service,
        "reason": terms.reason.value,
        "ticket": terms.ticket,
        "asked_at": _moment(access.asked_at),
        "approver": access.approved.by if access.approved else "",
        "expires_at": _moment(access.expires_at) if access.expires_at else "",
        "ended_by": access.ended.by if access.ended else "",
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")

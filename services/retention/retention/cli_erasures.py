"""`retention erasures open | list | show | certificate | replay`: requests to erase a workspace, or one report, for our staff."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from cloud.ledger import REPORTS, WORKSPACES
from contracts import Actor, ActorKind, Source
from core.errors import Gone, InvalidInput, NotFound
from core.ids import WorkspaceId, parse_ticket, parse_workspace_id
from database import Tx
from retention.certificates.links import Links
from retention.certificates.statement import read_entry
from retention.domain.erasures import Erasure, Part, link_ends_at
from retention.events import ErasureTelling, ReportErasureTelling
from retention.federal import is_federal_holiday
from retention.handlers.erasing import Erasing
from retention.handlers.report_erasing import ReportErasing
from retention.handlers.requests import Asker
from retention.http.erasure import PAGE
from retention.main import SERVICE, compose, ledger_of, own_rows, secrets_of
from retention.settings import Settings
from retention.store import erasures as store
from retention.store import report_erasures
from retention.store.erasures import Listed
from retention.store.requests import Requests
from runtime import Assembly
from runtime.commands import reporting_errors
from runtime.staff import who
from web import load_settings

T = TypeVar("T")

erasures_app = typer.Typer(help="Requests to erase a workspace, or one report", no_args_is_help=True)

_LISTED = 100

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]
Report = Annotated[
    uuid.UUID | None, typer.Option(help="The id of one report, from its address; the whole workspace if not given")
]


@erasures_app.command("open")
def open_request(
    workspace: Workspace,
    ticket: Annotated[str, typer.Option(help="Number of the ticket, such as SUP-412, that the mail is in")],
    received: Annotated[
        str, typer.Option(help="When the mail came, such as 2026-11-30T09:15:00Z; now if not given")
    ] = "",
    report: Report = None,
) -> None:
    """Open a request for a mail to hello@callmine.ai. Admins see it and can take it back for 24 hours; the days count from the mail."""

    async def ask(parts: Assembly) -> tuple[Erasure, str]:
        workspace_id, staff = parse_workspace_id(workspace), await who(parts)
        actor = Actor(kind=ActorKind.STAFF, id=staff, email=staff, source=Source.SYSTEM)
        asker, received_at = Asker(actor, staff, parse_ticket(ticket)), _moment(received)
        async with parts.db.workspace(workspace_id) as tx:
            if report is not None:
                erasure = await _of_reports(parts).open(tx, asker, received_at, report)
            else:
                erasure = await _of_workspaces(parts).open(tx, asker, received_at)
        return erasure, await _link(parts, workspace_id, erasure)

    erasure, link = _run(ask)
    typer.echo(
        f"{erasure.id}  begins {_told(erasure.terms.take_back_until)}, promised by {_told(erasure.terms.deadline)}"
    )
    typer.echo(f"Answer the mail with this link: {link}")


@erasures_app.command("list")
def list_requests() -> None:
    """List requests, the newest first, with what is in the way of those that wait."""
    found = _run(_listed)
    for one in found:
        over = one.state in {"taken_back", "not_found"}
        late = one.deadline < (one.completed_at or datetime.now(UTC)) and not over
        typer.echo(
            f"{_told(one.asked_at)}  {one.state:14}  {one.workspace_id}{f'  report {one.report_id}' if one.report_id else ''}"
            f"  promised by {_told(one.deadline)}"
            f"{'  LATE' if late else ''}{'  staff' if one.by_staff else ''}{f'  {one.outcome}' if one.outcome else ''}"
        )
    if not found:
        typer.echo("Nobody has asked for anything to be erased.")


@erasures_app.command("show")
def show(workspace: Workspace, report: Report = None) -> None:
    """Show how far one workspace's request is, or that for one of its reports, service by service, and its link."""

    async def read(parts: Assembly) -> tuple[Erasure, list[Part], str]:
        workspace_id = parse_workspace_id(workspace)
        async with parts.db.workspace(workspace_id) as tx:
            erasure, requests = await _latest(tx, report)
            told = await requests.parts(tx, erasure.id) if erasure else []
        if erasure is None:
            raise NotFound(f"Nobody has asked for this {'report' if report else 'workspace'} to be erased.")
        return erasure, told, await _link(parts, workspace_id, erasure)

    erasure, told, link = _run(read)
    terms = erasure.terms
    typer.echo(
        f"{erasure.id}  {erasure.state}  asked {_told(terms.asked_at)}, promised by {_told(terms.deadline)} ({terms.zone})"
    )
    for one in told:
        left = f", left in search {one.attempt}: {dict(one.left)}" if one.left else ""
        typer.echo(f"  {one.service:16}  {one.stage or 'waiting':8}  {one.row_count} rows, {one.objects} objects{left}")
    typer.echo(link)


@erasures_app.command("certificate")
def certificate(workspace: Workspace, report: Report = None) -> None:
    """Print the certificate, a signed statement, for somebody who has lost it."""

    async def read(parts: Assembly) -> str:
        async with parts.db.workspace(parse_workspace_id(workspace)) as tx:
            erasure, requests = await _latest(tx, report)
            found = await requests.certificate(tx, erasure.id) if erasure else None
        if found is None:
            raise NotFound("There is no certificate: nobody has asked, or it is not completed.")
        return found.statement

    typer.echo(_run(read))


@erasures_app.command("replay")
def replay() -> None:
    """Carry out again all that the ledger names: after a restore, before anybody is let in. Harmless where nothing was restored."""
    (entries, forgotten), (of_reports, forgotten_too) = _run(_replayed)
    typer.echo(
        f"{entries} erasures are in the ledger; {forgotten} of them this database had forgotten. All services are told."
    )
    typer.echo(
        f"{of_reports} erasures of reports are in the ledger; {forgotten_too} of them this database had forgotten."
    )


async def _replayed(parts: Assembly) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of workspaces, then of reports: how many there are in the ledger, and how many of them were not known here."""
    settings, own = load_settings(Settings, SERVICE), own_rows(parts)
    entries = forgotten = of_reports = forgotten_too = 0
    async for _, entry in ledger_of(parts, settings, WORKSPACES).entries():
        workspace_id, entered = _entered(entry, of_report=False)
        async with parts.db.workspace(workspace_id) as tx:
            begun = await _of_workspaces(parts).replay(tx, entered)
        if begun:
            # At once, not when all others have erased: nobody is let in yet, and nobody is to see it again.
            await own.as_far_as_possible(workspace_id)
        forgotten += begun
        entries += 1
    async for _, entry in ledger_of(parts, settings, REPORTS).entries():
        workspace_id, entered = _entered(entry, of_report=True)
        # Of a workspace that is erased there is no report left to erase.
        with suppress(Gone):
            async with parts.db.workspace(workspace_id) as tx:
                forgotten_too += await _of_reports(parts).replay(tx, entered)
        of_reports += 1
    return (entries, forgotten), (of_reports, forgotten_too)


def _entered(entry: bytes, *, of_report: bool) -> tuple[WorkspaceId, Erasure]:
    """What an entry names. Raises InvalidInput for one that lies in the wrong folder: a report must never erase a workspace."""
    workspace_id, entered = read_entry(entry, is_federal_holiday)
    if (entered.report_id is not None) != of_report:
        raise InvalidInput("an entry of the ledger lies among those of another kind")
    return workspace_id, entered


def _of_workspaces(parts: Assembly) -> Erasing:
    return Erasing(ErasureTelling(parts.outbox), is_federal_holiday)


def _of_reports(parts: Assembly) -> ReportErasing:
    return ReportErasing(ReportErasureTelling(parts.outbox), is_federal_holiday)


async def _latest(tx: Tx, report: uuid.UUID | None) -> tuple[Erasure | None, Requests]:
    if report is not None:
        return await report_erasures.latest(tx, report), report_erasures
    return await store.latest(tx), store


async def _listed(parts: Assembly) -> list[Listed]:
    return await store.listed(parts.db, _LISTED)


async def _link(parts: Assembly, workspace_id: WorkspaceId, erasure: Erasure) -> str:
    if erasure.report_id is not None:
        # The workspace stays: whoever wrote signs in to it.
        return f"{parts.settings.public_url}{PAGE}/reports/{erasure.report_id}"
    links = Links(secrets_of(parts, parts.settings))
    return f"{parts.settings.public_url}{await links.address(workspace_id, erasure.id, link_ends_at(erasure.terms))}"


def _moment(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("--received is no time such as 2026-11-30T09:15:00Z.") from None
    if found.tzinfo is None:
        raise InvalidInput("--received needs its zone: end it with Z for UTC.")
    return found.astimezone(UTC)


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _run(work: Callable[[Assembly], Awaitable[T]]) -> T:
    async def composed() -> T:
        async with compose(load_settings(Settings, SERVICE)) as parts:
            return await work(parts)

    with reporting_errors():
        return asyncio.run(composed())

"""`retention erasures open | list | show | certificate | replay`: requests to erase a workspace, one report, or one person's data, for our
staff."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from cloud.ledger import PEOPLE, REPORTS, WORKSPACES
from contracts import Actor, ActorKind, Source
from core.errors import Gone, InvalidInput, NotFound
from core.ids import WorkspaceId, parse_ticket, parse_workspace_id
from database import Tx
from retention.certificates.links import Links
from retention.certificates.statement import read_entry
from retention.domain.erasures import Erasure, Part, Scope, link_ends_at
from retention.events import ErasureTelling, PersonErasureTelling, ReportErasureTelling
from retention.federal import is_federal_holiday
from retention.handlers.erasing import Erasing
from retention.handlers.person_erasing import PersonErasing
from retention.handlers.report_erasing import ReportErasing
from retention.handlers.requests import Asker
from retention.http.erasure import PAGE
from retention.http.person_erasure import PEOPLE as PEOPLE_PAGE
from retention.main import SERVICE, compose, ledger_of, own_rows, secrets_of
from retention.settings import Settings
from retention.store import erasures as store
from retention.store import person_requests, report_erasures
from retention.store.erasures import Listed
from retention.store.requests import Requests
from runtime import Assembly
from runtime.commands import reporting_errors
from runtime.staff import who
from web import load_settings

T = TypeVar("T")

erasures_app = typer.Typer(help="Requests to erase a workspace, one report, or one person's data", no_args_is_help=True)

_LISTED = 100

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]
Report = Annotated[
    uuid.UUID | None, typer.Option(help="The id of one report, from its address; the whole workspace if not given")
]
Person = Annotated[str, typer.Option(help="The e-mail address of one person, whose data alone is to be erased")]
OfPerson = Annotated[
    uuid.UUID | None, typer.Option("--request", help="The id of a request about one person's data, as `open` tells it")
]


@erasures_app.command("open")
def open_request(
    workspace: Workspace,
    ticket: Annotated[str, typer.Option(help="Number of the ticket, such as SUP-412, that the mail is in")],
    received: Annotated[
        str, typer.Option(help="When the mail came, such as 2026-11-30T09:15:00Z; now if not given")
    ] = "",
    report: Report = None,
    person: Person = "",
) -> None:
    """Open a request for a mail to hello@callmine.ai. Admins see it and can take it back for 24 hours; the days count from the mail."""

    async def ask(parts: Assembly) -> tuple[Erasure, str]:
        workspace_id, staff = parse_workspace_id(workspace), await who(parts)
        actor = Actor(kind=ActorKind.STAFF, id=staff, email=staff, source=Source.SYSTEM)
        asker, received_at = Asker(actor, staff, parse_ticket(ticket)), _moment(received)
        if report is not None and person:
            raise InvalidInput("A request is about one report or about one person: give --report or --person.")
        async with parts.db.workspace(workspace_id) as tx:
            if person:
                erasure = await _of_people(parts).open(tx, asker, received_at, person)
            elif report is not None:
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
        over = one.state in {"taken_back", "not_found", "still_member"}
        late = one.deadline < (one.completed_at or datetime.now(UTC)) and not over
        of = {Scope.REPORT: f"  report {one.report_id}", Scope.PERSON: f"  person, request {one.id}"}.get(one.scope, "")
        typer.echo(
            f"{_told(one.asked_at)}  {one.state:14}  {one.workspace_id}{of}"
            f"  promised by {_told(one.deadline)}"
            f"{'  LATE' if late else ''}{'  staff' if one.by_staff else ''}{f'  {one.outcome}' if one.outcome else ''}"
        )
    if not found:
        typer.echo("Nobody has asked for anything to be erased.")


@erasures_app.command("show")
def show(workspace: Workspace, report: Report = None, request: OfPerson = None) -> None:
    """Show how far one workspace's request is, or that for one of its reports or a person's data, service by service, and its link."""

    async def read(parts: Assembly) -> tuple[Erasure, list[Part], str]:
        workspace_id = parse_workspace_id(workspace)
        async with parts.db.workspace(workspace_id) as tx:
            erasure, requests = await _latest(tx, report, request)
            told = await requests.parts(tx, erasure.id) if erasure else []
        if erasure is None:
            what = "person's data" if request else "report" if report else "workspace"
            raise NotFound(f"Nobody has asked for this {what} to be erased.")
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
def certificate(workspace: Workspace, report: Report = None, request: OfPerson = None) -> None:
    """Print the certificate, a signed statement, for somebody who has lost it."""

    async def read(parts: Assembly) -> str:
        async with parts.db.workspace(parse_workspace_id(workspace)) as tx:
            erasure, requests = await _latest(tx, report, request)
            found = await requests.certificate(tx, erasure.id) if erasure else None
        if found is None:
            raise NotFound("There is no certificate: nobody has asked, or it is not completed.")
        return found.statement

    typer.echo(_run(read))


@erasures_app.command("replay")
def replay() -> None:
    """Carry out again all that the ledger names: after a restore, before anybody is let in. Harmless where nothing was restored."""
    (entries, forgotten), of_reports, of_people = _run(_replayed)
    typer.echo(
        f"{entries} erasures are in the ledger; {forgotten} of them this database had forgotten. All services are told."
    )
    for (found, unknown), what in ((of_reports, "erasures of reports"), (of_people, "attempts at people's data")):
        typer.echo(f"{found} {what} are in the ledger; {unknown} of them this database had forgotten.")


async def _replayed(parts: Assembly) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Of workspaces, of reports, then of people's data: how many there are in the ledger, and how many of them were not known here."""
    settings, own = load_settings(Settings, SERVICE), own_rows(parts)
    entries = forgotten = 0
    async for _, entry in ledger_of(parts, settings, WORKSPACES).entries():
        workspace_id, entered = _entered(entry, Scope.WORKSPACE)
        async with parts.db.workspace(workspace_id) as tx:
            begun = await _of_workspaces(parts).replay(tx, entered)
        if begun:
            # At once, not when all others have erased: nobody is let in yet, and nobody is to see it again.
            await own.as_far_as_possible(workspace_id)
        forgotten += begun
        entries += 1
    of_reports = await _replayed_within(parts, REPORTS, Scope.REPORT, _of_reports(parts))
    return (entries, forgotten), of_reports, await _replayed_within(parts, PEOPLE, Scope.PERSON, _of_people(parts))


async def _replayed_within(
    parts: Assembly, folder: str, scope: Scope, erasing: ReportErasing | PersonErasing
) -> tuple[int, int]:
    """The same of what is less than a workspace."""
    entries = forgotten = 0
    async for _, entry in ledger_of(parts, load_settings(Settings, SERVICE), folder).entries():
        workspace_id, entered = _entered(entry, scope)
        # Of a workspace that is erased there is nothing left to erase.
        with suppress(Gone):
            async with parts.db.workspace(workspace_id) as tx:
                forgotten += await erasing.replay(tx, entered)
        entries += 1
    return entries, forgotten


def _entered(entry: bytes, scope: Scope) -> tuple[WorkspaceId, Erasure]:
    """What an entry names. Raises InvalidInput for one that lies in the wrong folder: a report must never erase a workspace."""
    workspace_id, entered = read_entry(entry, is_federal_holiday)
    if entered.scope is not scope:
        raise InvalidInput("an entry of the ledger lies among those of another kind")
    return workspace_id, entered


def _of_workspaces(parts: Assembly) -> Erasing:
    return Erasing(ErasureTelling(parts.outbox), is_federal_holiday)


def _of_reports(parts: Assembly) -> ReportErasing:
    return ReportErasing(ReportErasureTelling(parts.outbox), is_federal_holiday)


def _of_people(parts: Assembly) -> PersonErasing:
    return PersonErasing(PersonErasureTelling(parts.outbox), is_federal_holiday)


async def _latest(tx: Tx, report: uuid.UUID | None, of_person: uuid.UUID | None) -> tuple[Erasure | None, Requests]:
    if of_person is not None:
        return await person_requests.read(tx, of_person), person_requests
    if report is not None:
        return await report_erasures.latest(tx, report), report_erasures
    return await store.latest(tx), store


async def _listed(parts: Assembly) -> list[Listed]:
    return await store.listed(parts.db, _LISTED)


async def _link(parts: Assembly, workspace_id: WorkspaceId, erasure: Erasure) -> str:
    if erasure.scope is Scope.PERSON:
        return f"{parts.settings.public_url}{PEOPLE_PAGE}/{erasure.id}"
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

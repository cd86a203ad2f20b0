"""`retention erasures open | list | show | certificate | replay`: requests to erase a workspace, for our staff."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from contracts import Actor, ActorKind, Source
from core.errors import InvalidInput, NotFound
from core.ids import WorkspaceId, parse_ticket, parse_workspace_id
from retention.certificates.links import Links
from retention.certificates.statement import read_entry
from retention.domain.erasures import Erasure, Part, link_ends_at
from retention.events import ErasureTelling
from retention.federal import is_federal_holiday
from retention.handlers.erasing import Asker, Erasing
from retention.main import SERVICE, compose, ledger_of, own_rows, secrets_of
from retention.settings import Settings
from retention.store import erasures as store
from retention.store.erasures import Listed
from runtime import Assembly
from runtime.commands import reporting_errors
from runtime.staff import who
from web import load_settings

T = TypeVar("T")

erasures_app = typer.Typer(help="Requests to erase a workspace", no_args_is_help=True)

_LISTED = 100

Workspace = Annotated[str, typer.Argument(help="Workspace id, org_…")]


@erasures_app.command("open")
def open_request(
    workspace: Workspace,
    ticket: Annotated[str, typer.Option(help="Number of the ticket, such as SUP-412, that the mail is in")],
    received: Annotated[
        str, typer.Option(help="When the mail came, such as 2026-11-30T09:15:00Z; now if not given")
    ] = "",
) -> None:
    """Open a request for a mail to hello@callmine.ai. Admins see it and can take it back for 24 hours; the days count from the mail."""

    async def ask(parts: Assembly) -> tuple[Erasure, str]:
        workspace_id, staff = parse_workspace_id(workspace), await who(parts)
        actor = Actor(kind=ActorKind.STAFF, id=staff, email=staff, source=Source.SYSTEM)
        asker = Asker(actor, staff, parse_ticket(ticket))
        erasing = Erasing(ErasureTelling(parts.outbox), is_federal_holiday)
        async with parts.db.workspace(workspace_id) as tx:
            erasure = await erasing.open(tx, asker, _moment(received))
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
        late = one.deadline < (one.completed_at or datetime.now(UTC)) and one.state != "taken_back"
        typer.echo(
            f"{_told(one.asked_at)}  {one.state:10}  {one.workspace_id}  promised by {_told(one.deadline)}"
            f"{'  LATE' if late else ''}{'  staff' if one.by_staff else ''}{f'  {one.outcome}' if one.outcome else ''}"
        )
    if not found:
        typer.echo("Nobody has asked for anything to be erased.")


@erasures_app.command("show")
def show(workspace: Workspace) -> None:
    """Show how far one workspace's request is, service by service, and its link."""

    async def read(parts: Assembly) -> tuple[Erasure, list[Part], str]:
        workspace_id = parse_workspace_id(workspace)
        async with parts.db.workspace(workspace_id) as tx:
            erasure = await store.latest(tx)
            reports = await store.parts(tx, erasure.id) if erasure else []
        if erasure is None:
            raise NotFound("Nobody has asked for this workspace to be erased.")
        return erasure, reports, await _link(parts, workspace_id, erasure)

    erasure, reports, link = _run(read)
    terms = erasure.terms
    typer.echo(
        f"{erasure.id}  {erasure.state}  asked {_told(terms.asked_at)}, promised by {_told(terms.deadline)} ({terms.zone})"
    )
    for one in reports:
        left = f", left in search {one.attempt}: {dict(one.left)}" if one.left else ""
        typer.echo(f"  {one.service:16}  {one.stage or 'waiting':8}  {one.row_count} rows, {one.objects} objects{left}")
    typer.echo(link)


@erasures_app.command("certificate")
def certificate(workspace: Workspace) -> None:
    """Print the certificate, a signed statement, for somebody who has lost it."""

    async def read(parts: Assembly) -> str:
        async with parts.db.workspace(parse_workspace_id(workspace)) as tx:
            erasure = await store.latest(tx)
            found = await store.certificate(tx, erasure.id) if erasure else None
        if found is None:
            raise NotFound("There is no certificate: nobody has asked, or it is not completed.")
        return found.statement

    typer.echo(_run(read))


@erasures_app.command("replay")
def replay() -> None:
    """Carry out again all that the ledger names: after a restore, before anybody is let in. Harmless where nothing was restored."""

    async def replay_all(parts: Assembly) -> tuple[int, int]:
        erasing, own = Erasing(ErasureTelling(parts.outbox), is_federal_holiday), own_rows(parts)
        entries = forgotten = 0
        async for _, entry in ledger_of(parts, load_settings(Settings, SERVICE)).entries():
            workspace_id, entered = read_entry(entry, is_federal_holiday)
            async with parts.db.workspace(workspace_id) as tx:
                begun = await erasing.replay(tx, entered)
            if begun:
                # At once, not when all others have erased: nobody is let in yet, and nobody is to see it again.
                await own.as_far_as_possible(workspace_id)
            forgotten += begun
            entries += 1
        return entries, forgotten

    entries, forgotten = _run(replay_all)
    typer.echo(
        f"{entries} erasures are in the ledger; {forgotten} of them this database had forgotten. All services are told."
    )


async def _listed(parts: Assembly) -> list[Listed]:
    return await store.listed(parts.db, _LISTED)


async def _link(parts: Assembly, workspace_id: WorkspaceId, erasure: Erasure) -> str:
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

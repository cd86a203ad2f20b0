"""`<service> staff questions | ask`: for somebody of our staff who has a grant (docs/staff-access.md)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

import typer

from core.errors import MissingSettings
from core.ids import parse_uuid, parse_workspace_id
from database import Queries
from database.staff import StaffDatabase
from runtime.assembly import Assembly
from runtime.commands import reporting_errors
from runtime.serving import Compose
from runtime.staff import Answer, Ask, StaffDesk, Visit, questions_of, who
from web import ServiceSettings, load_settings
from web.settings import PREFIX

S = TypeVar("S", bound=ServiceSettings)


def staff_app(service: str, settings_type: type[S], compose: Compose[S], asks: Mapping[str, Ask]) -> typer.Typer:
    """The commands; `asks` are the questions of this service."""
    queries = Queries.of("database", "messaging", service.replace("-", "_"))
    questions = questions_of(queries, asks)
    app = typer.Typer(help="Reading a workspace under a grant of staff access", no_args_is_help=True)

    @app.command("questions")
    def list_questions() -> None:
        """List what may be asked; a workspace's admins are told the same words."""
        for one in questions.values():
            typer.echo(f"{one.name:14} {one.reads}{', --about its id' if one.about else ''}")

    @app.command("ask")
    def ask(
        workspace: Annotated[str, typer.Argument(help="Workspace id, org_…")],
        grant: Annotated[str, typer.Argument(help="The grant's id, as `audit staff grant` printed it")],
        question: Annotated[str, typer.Argument(help="One of `staff questions`")],
        about: Annotated[str, typer.Option(help="Id of the one thing that the question is about")] = "",
    ) -> None:
        """Ask one question, and print the answer as JSON lines. The workspace's admins see that you did."""

        async def answer() -> Answer:
            async with compose(load_settings(settings_type, service)) as parts, _reading(parts, queries) as reading:
                visit = Visit(parse_workspace_id(workspace), parse_uuid(grant, "grant"), await who(parts))
                desk = StaffDesk(parts.db, reading, parts.outbox, questions)
                return await desk.ask(visit, question, _id(about))

        with reporting_errors():
            found = asyncio.run(answer())
        for row in found.rows:
            # Escaped: what a customer wrote is never obeyed by a terminal.
            typer.echo(json.dumps(dict(row), default=str))
        told = (
            f"{len(found.rows)} row{'' if len(found.rows) == 1 else 's'}{', and there are more' if found.more else ''}"
        )
        typer.echo(f"{told}. The workspace's admins see this at /audit/staff-access.", err=True)

    return app


def _id(about: str) -> uuid.UUID | None:
    return parse_uuid(about, "--about") if about else None


@asynccontextmanager
async def _reading(parts: Assembly, queries: Queries) -> AsyncIterator[StaffDatabase]:
    url = parts.settings.staff_database_url
    if url is None:
        raise MissingSettings(parts.service, [f"{PREFIX}STAFF_DATABASE_URL is missing: only `staff ask` needs it"])
    reading = await StaffDatabase.open(url.get_secret_value(), queries, parts.service)
    try:
        yield reading
    finally:
        await reading.close()

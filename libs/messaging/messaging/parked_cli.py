"""`parked list | show | replay | drop`: sub-commands for a service's command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Literal, TypeVar

import typer

from core.errors import CallmineError
from messaging.parked import Parked, shown
from messaging.store import ParkedMessage

T = TypeVar("T")

OpenParked = Callable[[], AbstractAsyncContextManager[Parked]]
"""Opens a service's parked messages for the length of one command."""

State = Literal["parked", "replayed", "dropped"]

MessageId = Annotated[int, typer.Argument(help="The number in the first column of `parked list`")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs")]


def parked_app(open_parked: OpenParked) -> typer.Typer:
    """The sub-commands, on the messages that `open_parked` gives access to."""
    app = typer.Typer(help="Messages that could not be processed or published", no_args_is_help=True)

    @app.command("list")
    def list_messages(state: State = "parked", limit: int = 100, as_json: AsJson = False) -> None:
        """List parked messages, newest first."""
        messages = _run(open_parked, lambda parked: parked.list(state, limit=limit))
        _print_json([shown(message) for message in messages]) if as_json else _print_table(messages)

    @app.command()
    def show(message: MessageId) -> None:
        """Show why a message is parked, and its ids; what is in it, nobody is shown."""
        _print_json(shown(_run(open_parked, lambda parked: parked.show(message))))

    @app.command()
    def replay(message: MessageId) -> None:
        """Process an incoming message again, or publish an outgoing one again."""
        _run(open_parked, lambda parked: parked.replay(message))
        typer.echo(f"Message {message} replayed.")

    @app.command()
    def drop(message: MessageId, yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False) -> None:
        """Throw a message away for good."""
        if not yes:
            typer.confirm(f"Throw message {message} away for good?", abort=True)
        _run(open_parked, lambda parked: parked.drop(message))
        typer.echo(f"Message {message} dropped.")

    return app


def _run(open_parked: OpenParked, work: Callable[[Parked], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with open_parked() as parked:
            return await work(parked)

    try:
        return asyncio.run(opened())
    except CallmineError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def _print_table(messages: list[ParkedMessage]) -> None:
    if not messages:
        typer.echo("Nothing is parked.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "way", "source", "type", "workspace", "reason")
    for column in table.columns[:3]:
        column.no_wrap = True
    for message in messages:
        kind = message.type.rsplit(".", 1)[-1]
        workspace = message.workspace_id or "unknown"
        table.add_row(str(message.id), message.direction, message.source, kind, workspace, message.reason)
    Console().print(table)

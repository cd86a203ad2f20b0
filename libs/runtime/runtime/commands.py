"""The sub-commands that every service has: `serve`, `migrate`, `parked`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

import core.log
from core.errors import CallmineError, MissingSettings
from core.memory import loaded
from database import MigrationSettings, migrate
from database.migrations import Phase
from messaging import Parked
from messaging.parked_cli import parked_app
from runtime.serving import Compose, serve, status_of
from web import ServiceSettings, load_settings

S = TypeVar("S", bound=ServiceSettings)


def service_app(service: str, settings_type: type[S], compose: Compose[S]) -> typer.Typer:
    """The service's command line; a service adds its own commands to what is returned."""
    app = typer.Typer(help=f"Callmine's {service} service", no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def configure() -> None:
        loaded()
        core.log.configure(service)

    @app.command("serve")
    def serve_command() -> None:
        """Serve pages, API and messages until told to stop."""
        raise typer.Exit(serve(service, settings_type, compose))

    @app.command("migrate")
    def migrate_command(
        phase: Annotated[
            Literal["pre", "post", "all"], typer.Option(help="Before or after a roll-out, or both")
        ] = "all",
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs")] = False,
    ) -> None:
        """Apply the database migrations that are not applied yet."""
        with reporting_errors():
            applied = _migrate(load_settings(settings_type, service), service, phase)
        typer.echo(json.dumps({"service": service, "applied": applied}) if as_json else _sentence(applied))

    @asynccontextmanager
    async def open_parked() -> AsyncIterator[Parked]:
        with reporting_errors():
            async with compose(load_settings(settings_type, service)) as parts:
                parts.consume_rest()
                yield parts.parked

    app.add_typer(parked_app(open_parked), name="parked")
    return app


def migration_folders(service: str) -> tuple[Path, ...]:
    """The folders with a service's migrations: those of messaging first, then its own, which lie beside its package."""
    package = service.replace("-", "_")
    return (Path(str(files("messaging"))) / "migrations", Path(str(files(package))).parent / "migrations")


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Turn an error of our own into its words on standard error and an exit status: 78 for settings, 1 for all else."""
    try:
        yield
    except CallmineError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(status_of(error)) from error


def _migrate(settings: ServiceSettings, service: str, phase: str) -> list[str]:
    if settings.owner_database_url is None:
        raise MissingSettings(service, ["CALLMINE_OWNER_DATABASE_URL is missing: only `migrate` needs it"])
    phases = tuple(Phase) if phase == "all" else (Phase(phase),)
    target = MigrationSettings(settings.owner_database_url.get_secret_value(), migration_folders(service))
    return migrate(target, phases)


def _sentence(applied: list[str]) -> str:
    return f"Applied {', '.join(applied)}." if applied else "Nothing to apply: the database is up to date."

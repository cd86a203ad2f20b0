"""`callmine run | demo | redeploy | top | parked | staff-token | <service> …`: Callmine on one machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.registry import SERVICES
from local import screen, top
from local.broker.clock import SystemClock
from local.broker.tokens import PushSigner
from local.broker.watching import NothingToWatch, Place, watch
from local.databases import provide_databases
from local.journey import JourneyFailed, Outcome, audit_types, everything, found_again, verified
from local.postgres import PostgresFailed
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack import ProcessFailed, Stack, StackSettings
from local.stack.control import NothingRuns, Refused, ask, listening
from local.stack.environment import STAFF, STAFF_AUDIENCE
from local.stack.keys import WORKSPACES

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
BUILD = ROOT / "build"
# The statements that the services of a demo run: the isolation proof checks them.
CAPTURED = BUILD / "captured" / "demo"

# What people call it.
SERVICE_NAMES = {"vault": "credential-vault"}

app = typer.Typer(
    help="Callmine on one machine: everything that runs in the cloud, with stand-ins for the cloud and the outside world.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def run() -> None:
    """Start everything, do the main job for the demo workspaces, and stay up until Ctrl-C. The data of the last time is found again."""
    # Tapped, so that `consume` may listen beside the services.
    _finish(_run(replace(_settings(STATE, fixed_ports=True), tapped=True)))


@app.command()
def demo(as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON")] = False) -> None:
    """The same from nothing, on free ports: do the main job, write build/demo.json, and stop."""
    figures = _finish(_demo())
    if as_json:
        typer.echo(json.dumps(figures))


@app.command("stand-ins")
def stand_ins(
    emulator: Annotated[str, typer.Option(help="host:port of Google's Pub/Sub emulator")],
    state: Annotated[Path, typer.Option(help="The folder in which everything is kept")] = Path("/state"),
) -> None:
    """For docker-compose.yml: everything but PostgreSQL, Pub/Sub and the services; does the main job once those are there."""
    _finish(_run(replace(_settings(state, fixed_ports=True), emulator=emulator)))


async def _run(settings: StackSettings) -> dict[str, Any]:
    _cancel_when_told()
    async with AsyncExitStack() as closing:
        closing.callback(screen.console.print, "Stopped.")
        with screen.progress_bars() as bars:
            stack = await closing.enter_async_context(Stack.start(_telling(settings, bars)))
            screen.show_replaced(stack.site.ports.replaced)
            outcomes = await found_again(stack, bars.show) or await everything(stack, bars.show)
        screen.show_outcomes(stack.url, outcomes)
        screen.show_links(stack.url)
        async with listening(stack):
            await asyncio.Event().wait()
    return {}


async def _demo() -> dict[str, Any]:
    began = time.monotonic()
    directory = BUILD / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(CAPTURED, ignore_errors=True)
    settings = replace(_settings(directory, fixed_ports=False), capture=CAPTURED)
    with screen.progress_bars() as bars:
        async with Stack.start(_telling(settings, bars)) as stack:
            outcomes = await everything(stack, bars.show)
            figures = _figures(stack, settings, outcomes, began)
    figures["seconds"] = round(time.monotonic() - began, 1)
    (BUILD / "demo.json").write_text(json.dumps(figures, indent=2) + "\n")
    screen.show_outcomes(stack.url, outcomes)
    screen.console.print_json(data=figures)
    return figures


def _figures(stack: Stack, settings: StackSettings, outcomes: list[Outcome], began: float) -> dict[str, Any]:
    library = load_library(SHIPPED_CALLS, settings.calls_file, WORKSPACES, datetime.now(UTC).date())
    numbers = [outcome.numbers for outcome in outcomes]
    return {
        "calls": sum(each["calls_matching"] for each in numbers),
        "calls_analysed": sum(each["calls_analysed"] for each in numbers),
        "findings": sum(each["findings"] for each in numbers),
        "quotes": sum(each["quotes"] for each in numbers),
        "quotes_verified": sum(verified(outcome, library) for outcome in outcomes),
        "quotes_dropped": sum(each["quotes_dropped"] for each in numbers),
        "audit_entries": sum(audit_types(outcomes).values()),
        "workspaces": len(outcomes),
        "services": sum(stack.processes[name].running for name in SERVICES),
        "seconds": round(time.monotonic() - began, 1),
        "report_url": f"{stack.url}/reports/{outcomes[0].run['report_id']}",
        "databases": len(stack.dsns),
        "audit_types": dict(sorted(audit_types(outcomes).items())),
    }


def _settings(directory: Path, *, fixed_ports: bool) -> StackSettings:
    """This is the composition root of one machine: the only place here that reads the environment."""
    calls = os.environ.get("CALLMINE_SANDBOX_CALLS")
    if calls and not Path(calls).is_file():
        raise typer.BadParameter(f"CALLMINE_SANDBOX_CALLS names {calls}, which is not a file")
    return StackSettings(
        directory=directory,
        fixed_ports=fixed_ports,
        admin_url=os.environ.get("CALLMINE_DATABASE_URL"),
        calls_file=Path(calls) if calls else None,
    )


def _telling(settings: StackSettings, bars: screen.Bars) -> StackSettings:
    steps = iter(range(1, 10))

    def tell(what: str) -> None:
        bars.show("start", what, next(steps) / 5)

    return replace(settings, tell=tell)


def _cancel_when_told() -> None:
    """Ctrl-C ends whatever goes on, starting included, and takes everything down in order; a second one changes nothing."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    told: list[bool] = []

    def stop() -> None:
        if task is not None and not told:
            told.append(True)
            screen.console.print("\nStopping …")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _finish(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Run `work`; what a person can do something about is told in words, without a traceback."""
    BUILD.mkdir(exist_ok=True)
    figures: dict[str, Any] = {}
    complaints: list[str] = []
    try:
        figures = asyncio.run(work)
    except* asyncio.CancelledError:
        return_code = 0
    except* (ProcessFailed, JourneyFailed, PostgresFailed) as failed:
        return_code = 1
        complaints = [str(error) for error in failed.exceptions]
    else:
        return figures
    for complaint in complaints:
        typer.echo(complaint, err=True)
    raise typer.Exit(return_code)


@app.command()
def databases(
    project: Annotated[str, typer.Option(help="The Google Cloud project")],
    host: Annotated[str, typer.Option(help="The instance's private address, as the migration jobs reach it")],
) -> None:
    """Make databases and roles of all services on Cloud SQL, by the administrator that CALLMINE_DATABASE_URL names; may be run again.

    The owners' passwords go to Secret Manager and are seen by nobody; each run changes them.
    """
    from cloud.secrets import GoogleSecrets

    admin = os.environ.get("CALLMINE_DATABASE_URL")
    if not admin:
        raise typer.BadParameter("CALLMINE_DATABASE_URL is missing: PostgreSQL address for the administrator")
    asyncio.run(provide_databases(admin, host, project, GoogleSecrets(project=project)))
    typer.echo(f"databases of {', '.join(SERVICES)} are ready; owners' addresses are in Secret Manager")


@app.command()
def consume(topic: Annotated[str, typer.Argument(help="A topic's name, such as reports")]) -> None:
    """Show what comes on a topic of a running `make run`, decoded, a line of JSON each, until Ctrl-C."""
    try:
        asyncio.run(watch(Place.of(STATE), topic, lambda message: typer.echo(json.dumps(message))))
    except KeyboardInterrupt:
        return
    except NothingToWatch as reason:
        typer.echo(str(reason), err=True)
        raise typer.Exit(1) from reason


@app.command("top")
def show_services(
    seconds: Annotated[float, typer.Option(help="Seconds between two looks", min=0.2)] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print the table once and end")] = False,
) -> None:
    """A live table of the services of a running `make run`: readiness, requests, outbox, inbox, parked, loop lag, memory."""
    try:
        asyncio.run(top.watch(STATE, screen.console, seconds, once=once))
    except KeyboardInterrupt:
        return
    except top.NothingRuns as reason:
        typer.echo(str(reason), err=True)
        raise typer.Exit(1) from reason


@app.command()
def redeploy(
    service: Annotated[str, typer.Argument(help="A service's name, such as audit")],
    ref: Annotated[str, typer.Option(help="Of this commit or tag instead of the files as they are")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what it took as JSON")] = False,
) -> None:
    """Roll one service of a running `make run` to the code as it is now, without a pause: what Cloud Run does with a new revision."""
    try:
        with screen.progress_bars() as bars:
            tell = partial(bars.show, service)
            rolled = asyncio.run(ask(STATE, SERVICE_NAMES.get(service, service), ref, tell))
    except (NothingRuns, Refused) as reason:
        typer.echo(str(reason), err=True)
        raise typer.Exit(1) from reason
    typer.echo(json.dumps(rolled)) if as_json else screen.show_rolled(rolled)


@app.command()
def parked(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs")] = False) -> None:
    """Messages that could not be processed or published, of all services; `callmine <service> parked` replays or drops them."""
    found = {service: _parked_of(service) for service in SERVICES}
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for service, messages in found.items():
        typer.echo(f"{service}: {len(messages) or 'nothing'} parked")
        for message in messages:
            typer.echo(
                f"  {message['id']}  {message['source']}  {message['type'] or 'unknown type'}  {message['reason']}"
            )


@app.command("staff-token")
def staff_token(
    address: Annotated[str, typer.Argument(help="Somebody of our staff on this machine")] = STAFF[0],
) -> None:
    """Print an identity token, as `gcloud auth print-identity-token` does in the cloud: for CALLMINE_STAFF_IDENTITY_TOKEN."""
    if address not in STAFF:
        raise typer.BadParameter(f"our staff on this machine are {' and '.join(STAFF)}")
    folder = STATE / "broker"
    if not folder.is_dir():
        typer.echo("Nothing has been started on this machine yet: `make run` first.", err=True)
        raise typer.Exit(1)
    typer.echo(PushSigner(folder, SystemClock()).token(STAFF_AUDIENCE, address))


def _parked_of(service: str) -> list[dict[str, Any]]:
    command = [*_command(service), "parked", "list", "--json"]
    done = subprocess.run(command, env=_environment(service), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        typer.echo(
            f"{service}: {done.stderr.strip().splitlines()[-1]}\nIs Callmine running? `make run` starts it.", err=True
        )
        raise typer.Exit(1)
    messages: list[dict[str, Any]] = json.loads(done.stdout)
    return messages


def _command(service: str) -> list[str]:
    return [sys.executable, "-m", service.replace("-", "_")]


def _environment(service: str) -> dict[str, str]:
    """The environment a service was last started with on this machine."""
    kept = STATE / "environment" / f"{service}.json"
    if not kept.exists():
        typer.echo(f"{service} has not been started on this machine yet: `make run` first.", err=True)
        raise typer.Exit(1)
    return {**os.environ, **json.loads(kept.read_text())}


def _forward(service: str, arguments: list[str]) -> None:
    """Become the service's own command line."""
    environment = _environment(service)
    os.chdir(ROOT)
    os.execve(sys.executable, [*_command(service), *arguments], environment)  # noqa: S606 - our own interpreter


def _add_service(name: str, service: str) -> None:
    @app.command(
        name, context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    )
    def forwarded(context: typer.Context) -> None:
        _forward(service, context.args)

    forwarded.__doc__ = f"The command line of {service}: try `callmine {name} --help`."


for _service in SERVICES:
    _add_service(_service, _service)
for _name, _service in SERVICE_NAMES.items():
    _add_service(_name, _service)

"""`callmine run | demo | parked | <service> …`: Callmine on one machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.registry import SERVICES
from local import screen
from local.journey import Outcome, audit_types, everything, verified
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack import ProcessFailed, Stack, StackSettings
from local.stack.keys import WORKSPACES

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
BUILD = ROOT / "build"

app = typer.Typer(
    help="Callmine on one machine: everything that runs in the cloud, with stand-ins for the cloud and the outside world.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def run() -> None:
    """Start everything, do the main job for the demo workspaces, and stay up until Ctrl-C. The data of the last time is found again."""
    _finish(_run())


@app.command()
def demo(as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON")] = False) -> None:
    """The same from nothing, on free ports: do the main job, write build/demo.json, and stop."""
    figures = _finish(_demo())
    if as_json:
        typer.echo(json.dumps(figures))


async def _run() -> dict[str, Any]:
    stopping = _until_told()
    settings = _settings(STATE, fixed_ports=True)
    with screen.progress_bars() as bars:
        context = Stack.start(_telling(settings, bars))
        stack = await context.__aenter__()
        try:
            screen.show_replaced(stack.site.ports.replaced)
            outcomes = await everything(stack, bars.show)
        except BaseException:
            await context.__aexit__(*sys.exc_info())
            raise
    try:
        screen.show_outcomes(stack.url, outcomes)
        screen.show_links(stack.url)
        await stopping.wait()
        screen.console.print("Stopping …")
    finally:
        await context.__aexit__(None, None, None)
    return {}


async def _demo() -> dict[str, Any]:
    began = time.monotonic()
    directory = BUILD / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    settings = _settings(directory, fixed_ports=False)
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

    return StackSettings(
        directory=settings.directory,
        fixed_ports=settings.fixed_ports,
        admin_url=settings.admin_url,
        calls_file=settings.calls_file,
        tell=tell,
    )


def _until_told() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _finish(work: Any) -> dict[str, Any]:
    BUILD.mkdir(exist_ok=True)
    try:
        figures: dict[str, Any] = asyncio.run(work)
    except* ProcessFailed as failed:
        raise _told(failed) from failed
    except* RuntimeError as failed:
        raise _told(failed) from failed
    return figures


def _told(failed: BaseExceptionGroup[BaseException]) -> typer.Exit:
    for error in failed.exceptions:
        typer.echo(str(error), err=True)
    return typer.Exit(1)


def _forward(service: str, arguments: list[str]) -> None:
    """Run a service's own command line with the environment it was last started with."""
    kept = STATE / "environment" / f"{service}.json"
    if not kept.exists():
        typer.echo(f"{service} has not been started on this machine yet: `make run` first.", err=True)
        raise typer.Exit(1)
    environment = os.environ | json.loads(kept.read_text())
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", service.replace("-", "_"), *arguments], environment)  # noqa: S606 - our own interpreter


def _add_service(service: str) -> None:
    @app.command(
        service, context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    )
    def forwarded(context: typer.Context) -> None:
        _forward(service, context.args)

    forwarded.__doc__ = f"The command line of {service}: try `callmine {service} --help`."


for _service in SERVICES:
    _add_service(_service)

"""What `callmine run` and `callmine demo` show: progress bars while it goes on, a table and links at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.journey import Outcome

console = Console()


@contextmanager
def progress_bars() -> Iterator[Bars]:
    """Bars that disappear when they are done where the terminal can do that, and plain lines where it cannot."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[name]:12}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress)


class Bars:
    """One bar for each thing that goes on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}
        self._began = time.monotonic()

    def show(self, name: str, what: str, part: float) -> None:
        """`name` is doing `what` and is this far, 0 to 1."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(what, total=1.0, name=name)
        self._progress.update(self._tasks[name], description=what, completed=part)
        if not console.is_terminal and self._said.get(name) != what.split(" ", maxsplit=1)[0]:
            self._said[name] = what.split(" ", maxsplit=1)[0]
            console.print(f"{time.monotonic() - self._began:5.1f} s  {name}: {what}")


def show_replaced(replaced: Mapping[str, int]) -> None:
    """Say which ports were taken."""
    for part, port in replaced.items():
        console.print(f"[yellow]Port {port} for the {part} is taken; another one is used.[/]")


def show_outcomes(url: str, outcomes: list[Outcome]) -> None:
    """The reports in numbers, and where to read them."""
    table = Table("Workspace", "Calls analysed", "Findings", "Quotes", "Dropped", title="Reports")
    for outcome in outcomes:
        numbers = outcome.numbers
        table.add_row(
            outcome.workspace,
            str(numbers["calls_analysed"]),
            str(numbers["findings"]),
            str(numbers["quotes"]),
            str(numbers["quotes_dropped"]),
        )
    console.print(table)
    for outcome in outcomes:
        console.print(f"  {outcome.workspace:12} {url}/reports/{outcome.run['report_id']}", soft_wrap=True)


def show_rolled(rolled: Mapping[str, object]) -> None:
    """What a roll-out took."""
    service, version = rolled["service"], rolled["version"]
    console.print(f"{service} is now {version}: ready after {rolled['ready_seconds']} s; ", end="")
    if rolled["status"] == 0:
        console.print(f"the old one had finished {rolled['drained_seconds']} s after it was told to.")
    else:
        console.print(f"[yellow]the old one did not finish in time (status {rolled['status']}).[/]")


def show_links(url: str) -> None:
    """Where a person can go."""
    console.print(f"\n[bold]Callmine is running: {url}[/]")
    for path, what in (
        ("/dashboard", "reports and runs (sign in as any of the sandbox's people)"),
        ("/new", "ask a question of the calls"),
        ("/settings/integrations", "connected accounts"),
        ("/audit", "the audit log, for admins"),
    ):
        console.print(f"  {url}{path:26} {what}", soft_wrap=True)
    console.print("Ctrl-C stops everything; the data stays for the next time.")

"""Finds benchmarks, runs them, prints tables and writes `build/bench.json`.

A benchmark is a module or package `bench.<name>` with

    async def run(quick: bool) -> list[Row]

where a row is a mapping of column to value. Columns that all should have: `row`, `unit`, `ours`, `alternative`, `bound`; the harness adds
`times_alternative` and `share_of_bound`. `paired` runs contestants in turns and takes medians, so that a slow minute hits all alike.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.table import Table

import bench

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "bench.json"

# Of a table that is written to a file or a log.
_WIDTH = 140

_NO_BENCHMARKS = {"__main__", "harness"}

Value = str | int | float | None
Row = Mapping[str, Value]
Run = Callable[[bool], Awaitable[Sequence[Row]]]
Contestant = Callable[[], Awaitable[float]]


def benchmarks() -> dict[str, Run]:
    """All benchmarks by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in _NO_BENCHMARKS)
    found = {name: importlib.import_module(f"bench.{name}") for name in names}
    return {name: cast(Run, module.run) for name, module in found.items() if hasattr(module, "run")}


async def paired(rounds: int, contestants: Mapping[str, Contestant]) -> dict[str, float]:
    """Run all contestants in each round, every round starting with another one; the median of each."""
    results: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            results[name].append(await contestants[name]())
    return {name: statistics.median(values) for name, values in results.items()}


async def run(names: Sequence[str], quick: bool) -> None:
    """Run the benchmarks called `names`, all if there are none. Results of others stay in the file."""
    known = benchmarks()
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(known)}")
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for name in names or known:
        began = time.monotonic()
        with console.status(f"measuring {name}"):
            rows = [_compared(row) for row in await known[name](quick)]
        _keep(name, rows)
        _show(console, f"{name} ({os.cpu_count()} cores, {time.monotonic() - began:.0f} s)", rows)


def _compared(row: Row) -> dict[str, Value]:
    """The row with its ratios."""
    compared = dict(row)
    ours, alternative, bound = (row.get(name) for name in ("ours", "alternative", "bound"))
    if isinstance(ours, int | float) and isinstance(alternative, int | float) and alternative:
        compared["times_alternative"] = round(ours / alternative, 2)
    if isinstance(ours, int | float) and isinstance(bound, int | float) and bound:
        compared["share_of_bound"] = round(ours / bound, 3)
    return compared


def _keep(name: str, rows: Sequence[Row]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[name] = [dict(row) for row in rows]
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")


def _show(console: Console, title: str, rows: Sequence[Row]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column in {"row", "unit"} else "right")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    console.print(table)


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else value

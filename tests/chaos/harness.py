"""Finds proofs, runs them, prints a table and writes `build/proofs/<name>.json`.

A proof is a module `chaos.prove_<name>` with

    async def prove(plan: Plan) -> Verdict

It draws all its choices from `plan.seed`, is quick by default and thorough with `plan.full`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.status import Status
from rich.table import Table

import chaos

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "proofs"

_PREFIX = "prove_"

# Drawing what has been done takes longer than a small step of a proof.
_TICK_SECONDS = 0.1

# Where nothing can be drawn, a line is written instead; not more often than this.
_LINE_SECONDS = 20.0


Figure = int | float | Mapping[str, Mapping[str, int]]
"""A count, a ratio, or counts by name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a proof: `tick` is called with done and total now and then."""

    seed: int
    full: bool
    tick: Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proof found. `figures` are written as they are; `problems` says what went wrong, in words, each with its seed."""

    figures: Mapping[str, Figure]
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing went wrong."""
        return not self.problems


Prove = Callable[[Plan], Awaitable[Verdict]]


def proofs() -> dict[str, Prove]:
    """All proofs by name."""
    names = [module.name for module in pkgutil.iter_modules(chaos.__path__) if module.name.startswith(_PREFIX)]
    return {name.removeprefix(_PREFIX): _load(name) for name in sorted(names)}


def _load(module: str) -> Prove:
    return cast(Prove, importlib.import_module(f"chaos.{module}").prove)


async def run(names: list[str], seed: int, full: bool) -> bool:
    """Run the proofs called `names`, all if there are none; whether all hold."""
    known = proofs()
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"no proof is called {', '.join(unknown)}; there are: {', '.join(known)}")
    console = Console()
    verdicts = [await run_one(console, name, known[name], seed, full) for name in names or known]
    return all(verdict.holds for verdict in verdicts)


async def run_one(console: Console, name: str, prove: Prove, seed: int, full: bool) -> Verdict:
    """Run one proof, print its table and write its figures."""
    began = time.monotonic()
    with console.status(f"proving {name}") as status:
        verdict = await prove(Plan(seed, full, _shown_on(status, name)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(dict(verdict.figures)) + "\n")
    table = Table(title=f"{name}: {'holds' if verdict.holds else 'DOES NOT HOLD'} (seed {seed})", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure, value in verdict.figures.items():
        table.add_row(figure, _text(value))
    table.add_row("seconds", f"{time.monotonic() - began:.1f}")
    console.print(table)
    for problem in verdict.problems[:20]:
        console.print(f"  {problem}")
    return verdict


def _shown_on(status: Status, name: str) -> Callable[[int, int], None]:
    """A tick that shows how far the proof is, a few times a second at most; a line now and then where the output is a file."""
    shown, drawn = 0.0, status.console.is_terminal
    pause = _TICK_SECONDS if drawn else _LINE_SECONDS

    def tick(done: int, total: int) -> None:
        nonlocal shown
        if (now := time.monotonic()) - shown >= pause:
            shown = now
            words = f"proving {name}: {done:,} of {total:,}"
            status.update(words) if drawn else status.console.print(words)

    return tick


def _text(value: Figure) -> str:
    """A figure as the table shows it; counts by name take a line each."""
    if isinstance(value, Mapping):
        return "\n".join(
            f"{name}: " + ", ".join(f"{n:,} {what}" for what, n in one.items()) for name, one in value.items()
        )
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"

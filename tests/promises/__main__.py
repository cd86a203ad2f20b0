"""`python -m promises [P1 P3 …]`: prove the promises of the trust page against a system that is started for it.

Writes build/trust.json, the signed evidence (build/trust/evidence.intoto.jsonl) and the page as the running service renders it
(build/trust/trust.html). FULL=1 in the environment, or --full, for the large counts. Ends with 1 when a sentence that has checks does not
hold.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from audit.verify import callmine_verify as verifier
from house.projects import ROOT
from local.journey import everything
from local.stack import Stack, StackSettings
from local.stack.keys import Keys
from promises.proving import Proved, prove, source
from promises.signing import Signer, signer_of
from promises.system import System
from retention.catalogue import read_promises
from retention.domain.promises import Promise

BUILD = ROOT / "build"
OUT = BUILD / "trust"
BUNDLE = OUT / "evidence.intoto.jsonl"

# What `make run` keeps its keys in: evidence is signed with the same one, so that a running system shows it at once.
_HOME_KEYS = ROOT / ".local" / "keys.json"

console = Console()


class _Shown:
    """What goes on: one line that changes where the output is a terminal, a line each where it is not."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        words = f"{time.monotonic() - self._began:5.0f} s  {what}"
        if self._status.console.is_terminal:
            self._status.update(words)
        else:
            self._status.console.print(words)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which promises; all when none is named")] = None,
    seed: Annotated[int, typer.Option(help="Where made-up histories start from")] = 1,
    full: Annotated[bool, typer.Option(help="The large counts")] = False,
    image: Annotated[
        list[str] | None, typer.Option(help="service=sha256 of a deployed image, to be named in the evidence")
    ] = None,
) -> None:
    """Prove promises."""
    logging.disable(logging.ERROR)  # faults are the point: what is logged about them would bury the result
    chosen = [one for one in read_promises() if not names or one.id in names]
    if unknown := sorted(set(names or ()) - {one.id for one in chosen}):
        raise typer.BadParameter(f"there is no promise {', '.join(unknown)}")
    images = dict(one.split("=", 1) for one in image or ())
    proved = asyncio.run(_prove_all(chosen, seed, full or os.environ.get("FULL") == "1", images))
    _show(proved)
    raise typer.Exit(0 if all(one.holds for one in proved if one.promise.checks) else 1)


async def _prove_all(chosen: Sequence[Promise], seed: int, full: bool, images: Mapping[str, str]) -> list[Proved]:
    directory = OUT / "stack"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    _share_key(directory)
    captured = directory / "captured"
    with console.status("starting") as status:
        shown = _Shown(status)
        settings = StackSettings(directory, capture=captured, tell=lambda what: shown(f"starting {what}"))
        async with Stack.start(settings) as stack:
            outcomes = await everything(stack, lambda who, what, _: shown(f"{who}: {what}"))
            system = System(stack, outcomes, captured, full, seed)
            of = source()
            proved = [await prove(system, one, of, shown) for one in chosen]
            signer = await signer_of(stack)
            _write(proved, signer, images)
            await _publish(stack)
    shutil.rmtree(directory, ignore_errors=True)
    return proved


def _share_key(directory: Path) -> None:
    """Sign with the key of `make run` on this machine."""
    kept = directory / "keys.json"
    kept.touch(mode=0o600)
    kept.write_text(json.dumps({"evidence_key": Keys.kept(_HOME_KEYS).evidence_key}))


def _write(proved: Sequence[Proved], signer: Signer, images: Mapping[str, str]) -> None:
    """The evidence, beside that of promises that were left out this time; and the figures."""
    new = {one.promise.id for one in proved}
    kept = [line for line in _earlier() if _promise_of(line) not in new]
    made = [signer.envelope(one.evidence, images) for one in proved if one.evidence is not None]
    draft = BUNDLE.with_suffix(".partial")
    draft.write_text("".join(f"{line}\n" for line in (*kept, *made)))
    draft.replace(BUNDLE)
    (OUT / "keys.txt").write_text(f"{signer.public.text}\n")
    (BUILD / "trust.json").write_text(json.dumps({"promises": [_figures(one) for one in proved]}, indent=2) + "\n")


def _earlier() -> list[str]:
    return BUNDLE.read_text().splitlines() if BUNDLE.exists() else []


def _promise_of(line: str) -> str:
    return str(verifier.statement_of(line)["predicate"]["promise"])


def _figures(one: Proved) -> dict[str, object]:
    return {
        "id": one.promise.id,
        "sentence": one.promise.sentence,
        "checks": len(one.promise.checks),
        "passed": one.passed,
        "mutants": len(one.promise.mutants),
        "mutants_red": one.red,
        "evidence_at": one.evidence.proved_at.isoformat() if one.evidence else None,
    }


async def _publish(stack: Stack) -> None:
    """The page as the running service makes it of the evidence, kept; and the evidence as it hands it out, verified."""
    page = await stack.client.get(f"{stack.url}/trust")
    page.raise_for_status()
    (OUT / "trust.html").write_text(page.text)
    bundle = (await stack.client.get(f"{stack.url}/trust/evidence.intoto.jsonl")).text
    keys = [verifier.read_key(line) for line in (await stack.client.get(f"{stack.url}/trust/keys")).text.splitlines()]
    told = [verifier.check_evidence(line, keys) for line in bundle.splitlines()]
    if bundle != BUNDLE.read_text() or not told:
        raise SystemExit("the service does not hand out the evidence that was made: see build/trust")


def _show(proved: Sequence[Proved]) -> None:
    table = Table(title="The trust page", title_justify="left")
    for name in ("", "sentence", "checks", "mutants red", ""):
        table.add_column(name)
    for one in proved:
        state = "not proven" if not one.promise.checks else "proven" if one.holds else "DOES NOT HOLD"
        counts = (f"{one.passed} of {len(one.promise.checks)}", f"{one.red} of {len(one.promise.mutants)}")
        table.add_row(one.promise.id, one.promise.title, *(counts if one.promise.checks else ("none", "none")), state)
    console.print(table)
    for one in proved:
        for problem in one.problems[:10]:
            console.print(f"  {one.promise.id} {problem}", markup=False)
    console.print(f"  evidence: {BUNDLE.relative_to(ROOT)}   page: {(OUT / 'trust.html').relative_to(ROOT)}")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()

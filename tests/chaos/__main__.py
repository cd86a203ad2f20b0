"""`python -m chaos [name...]`: run the proofs. FULL=1 in the environment, or --full, for the large counts."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Annotated

import typer

from chaos.harness import run


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which proofs; all when none is named")] = None,
    seed: Annotated[int, typer.Option(help="Where the schedules start from")] = 1,
    full: Annotated[bool, typer.Option(help="The large counts")] = False,
) -> None:
    """Run proofs; exits with 1 when one does not hold."""
    logging.disable(logging.ERROR)  # the faults are the point: what is logged about them would bury the result
    holds = asyncio.run(run(names or [], seed, full or os.environ.get("FULL") == "1"))
    raise typer.Exit(0 if holds else 1)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()

"""`python -m bench [name...]`: run the benchmarks. FULL=1 in the environment, or --full, for longer rounds and more of them."""

from __future__ import annotations

import logging
import os
from typing import Annotated

import typer
import uvloop

from bench.harness import run


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which benchmarks; all when none is named")] = None,
    full: Annotated[bool, typer.Option(help="Longer rounds and more of them")] = False,
) -> None:
    """Measure."""
    logging.disable(logging.WARNING)
    uvloop.run(run(names or [], quick=not (full or os.environ.get("FULL") == "1")))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()

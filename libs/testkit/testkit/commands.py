"""A service's command line, run inside a test."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import typer
from typer.testing import CliRunner, Result


async def run(app: typer.Typer, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in a thread, for it has an event loop of its own; logging is afterwards as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments, env=dict(env or {})))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

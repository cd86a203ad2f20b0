"""Serving: from settings to the end of the last answer."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from fastapi import FastAPI

import core.log
from core.errors import CallmineError, MissingSettings
from core.memory import loaded
from runtime.assembly import Assembly
from web import ServiceSettings, load_settings, run

S = TypeVar("S", bound=ServiceSettings)

Compose = Callable[[S], AbstractAsyncContextManager[Assembly]]

# sysexits.h: EX_CONFIG, something was found in an unconfigured or misconfigured state.
EXIT_CONFIGURATION = 78


def serve(service: str, settings_type: type[S], compose: Compose[S]) -> int:
    """Serve pages, API and messages until told to stop. The process's exit status: 0, 78 for settings, 1 for all else that is ours."""
    loaded()
    core.log.configure(service)
    try:
        settings = load_settings(settings_type, service)
        core.log.configure(service, project=settings.project)
        run(_application(compose, settings), settings)
    except CallmineError as error:
        sys.stderr.write(f"{error}\n")
        return status_of(error)
    return 0


def status_of(error: CallmineError) -> int:
    """The exit status of a process that ends with `error`."""
    return EXIT_CONFIGURATION if isinstance(error, MissingSettings) else 1


@asynccontextmanager
async def _application(compose: Compose[S], settings: S) -> AsyncIterator[FastAPI]:
    async with compose(settings) as parts:
        yield parts.app()

"""One whole Callmine for all end-to-end tests: five services and their stand-ins, each a process, on free ports."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.registry import SERVICES
from e2e.taps import Taps
from e2e.told import Told
from local.journey import Outcome, everything
from local.stack import Stack, StackSettings
from testkit.capture import capture_folder


@dataclass(frozen=True, slots=True)
class Finished:
    """A stack on which the main job has been done once, with every message of it on record."""

    stack: Stack
    outcomes: list[Outcome]
    taps: Taps

    @property
    def directory(self) -> Path:
        """Where everything is kept."""
        return self.stack.settings.directory


@pytest.fixture(scope="session")
def told() -> Iterator[Told]:
    """What the services tell of themselves, from their start."""
    directory = _new_directory()
    (directory / "tls").mkdir()
    with Told.listening(directory) as listening:
        yield listening
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
async def stack(told: Told) -> AsyncIterator[Stack]:
    """Everything, running."""
    settings = StackSettings(
        directory=told.directory,
        admin_url=os.environ.get("CALLMINE_DATABASE_URL"),
        tapped=True,
        capture=capture_folder(),
        extra={name: {**told.settings, "trace_ratio": "1", "telemetry_seconds": "1"} for name in SERVICES},
    )
    async with Stack.start(settings) as running:
        # A part of this machine like the others: what connects to it connects to nobody outside.
        running.site.ports.numbers["collector"] = told.port
        yield running


def _new_directory() -> Path:
    """Not pytest's own folder: as root, PostgreSQL runs as another user, who may not enter that."""
    directory = Path(tempfile.mkdtemp(prefix="callmine-e2e-"))
    directory.chmod(0o711)
    return directory


@pytest.fixture(scope="session")
async def taps(stack: Stack) -> AsyncIterator[Taps]:
    """A subscription beside the services' own on every topic, made before anything is published."""
    async with Taps.open(stack) as opened:
        yield opened


@pytest.fixture(scope="session")
async def finished(stack: Stack, taps: Taps) -> Finished:
    """The main job, done in both workspaces."""
    outcomes = await everything(stack, lambda *_: None)
    return Finished(stack, outcomes, taps)

"""Child processes: started, watched, stopped, and for tests killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# What a service is promised for finishing its work (Cloud Run's own figure), and a little more.
_STOP_SECONDS = 12.0
_TAIL_LINES = 15


class ProcessFailed(Exception):
    """A process ended, or did not become ready; the text holds the end of its log."""


def _dying_with_parent(command: Sequence[str]) -> list[str]:
    """Linux: have the child ended when its parent is killed, so that a killed `make run` leaves nothing behind.

    Asked for by util-linux' setpriv after the fork; doing it in the forked child here would take seconds, for gRPC's fork handlers.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "SIGTERM", *command] if setpriv else list(command)


@dataclass(slots=True)
class Process:
    """One child: its command, its environment, and the file its output is appended to."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    directory: Path
    _child: asyncio.subprocess.Process | None = field(default=None, repr=False)

    async def start(self) -> None:
        """Start the child."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *_dying_with_parent(self.command),
                env=dict(self.environment),
                cwd=self.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops its children in order
            )

    @property
    def pid(self) -> int:
        """The child's process id. Raises RuntimeError before it is started."""
        if self._child is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child is alive."""
        return self._child is not None and self._child.returncode is None

    @property
    def status(self) -> int | None:
        """How the child ended, negative for the signal that ended it; None while it runs."""
        return self._child.returncode if self._child else None

    def check(self) -> None:
        """Raise ProcessFailed, with the end of its log, when the child has ended."""
        if self._child is not None and self._child.returncode is not None:
            raise ProcessFailed(
                f"{self.name} ended with {self._child.returncode}. The end of {self.log.name}:\n{self.tail()}"
            )

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_TAIL_LINES:])

    async def stop(self) -> None:
        """Ask the child to end; kill it when it does not."""
        if not self.running or self._child is None:
            return
        self._send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), _STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self.running and self._child is not None:
            self._send(signal.SIGKILL)
            await self._child.wait()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

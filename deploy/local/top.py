"""A live table of the services of a running stack: what they measure, read as an operator reads it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from contracts.registry import SERVICES
from core.errors import CallmineError
from local.broker.clock import SystemClock
from local.broker.tokens import PushSigner
from local.stack.environment import OPERATOR
from local.tls import Authority

# Answers of one machine come within milliseconds; a service that takes this long (seconds) is shown as away.
_PATIENCE = 2.0

_MIB = 1024 * 1024


class NothingRuns(CallmineError):
    """No stack was ever started here."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one service said at `at` (seconds of a monotonic clock). `metrics` is None where it did not answer."""

    service: str
    at: float
    ready: bool
    metrics: Sequence[Mapping[str, Any]] | None

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series of `name` that have these labels."""
        return sum(float(one["value"]) for one in self._series(name, labels))

    def count(self, name: str) -> int:
        """How many a histogram has counted."""
        return sum(int(one["count"]) for one in self._series(name, {}))

    def _series(self, name: str, labels: Mapping[str, str]) -> Iterable[Mapping[str, Any]]:
        for one in self.metrics or ():
            if one["name"] == name and labels.items() <= one["labels"].items():
                yield one


@dataclass(slots=True)
class Board:
    """Reads the stack that is kept in one folder. Open with `Board.open`."""

    urls: Mapping[str, str]
    signer: PushSigner
    client: httpx.AsyncClient
    _before: dict[str, Reading] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Board]:
        """Raises NothingRuns where nothing was started in `directory`."""
        ports = directory / "ports.json"
        if not ports.exists():
            raise NothingRuns("nothing has been started on this machine yet: `make run` first")
        numbers = json.loads(ports.read_text())
        authority = Authority.open(directory / "tls")
        async with httpx.AsyncClient(verify=authority.client_context(), timeout=_PATIENCE, trust_env=False) as client:
            urls = {service: f"https://127.0.0.1:{numbers[service]}" for service in SERVICES}
            yield cls(urls, PushSigner(directory / "broker", SystemClock()), client)

    async def rows(self) -> list[list[str]]:
        """A row for each service, in words."""
        now = await asyncio.gather(*(self._read(service) for service in self.urls))
        rows = [_row(one, self._before.get(one.service)) for one in now]
        self._before = {one.service: one for one in now}
        return rows

    async def _read(self, service: str) -> Reading:
        url = self.urls[service]
        token = self.signer.token(url, OPERATOR)
        ready, metrics = False, None
        try:
            ready = (await self.client.get(f"{url}/readyz")).is_success
            answer = await self.client.get(f"{url}/operator/metrics", headers={"authorization": f"Bearer {token}"})
            metrics = answer.json() if answer.is_success else None
        except httpx.TransportError:
            pass
        return Reading(service, time.monotonic(), ready, metrics)


COLUMNS = (
    "service",
    "ready",
    "req/s",
    "5xx",
    "outbox",
    "oldest s",
    "inbox",
    "dupl.",
    "retried",
    "parked",
    "out/s",
    "lag ms",
    "MiB",
)


def _row(now: Reading, before: Reading | None) -> list[str]:
    if now.metrics is None:
        return [now.service, "[yellow]yes[/]" if now.ready else "[red]no[/]", *["-"] * (len(COLUMNS) - 2)]
    inbox = {
        outcome: now.total("callmine_inbox_messages", outcome=outcome) for outcome in ("done", "duplicate", "retried")
    }
    return [
        now.service,
        "[green]yes[/]" if now.ready else "[red]no[/]",
        _rate(now, before, "callmine_http_request_seconds"),
        f"{_errors(now)}",
        f"{now.total('callmine_outbox_events'):.0f}",
        f"{now.total('callmine_outbox_oldest_seconds'):.1f}",
        *(f"{count:.0f}" for count in inbox.values()),
        f"{now.total('callmine_parked_messages'):.0f}",
        _rate(now, before, "callmine_egress_seconds"),
        f"{1000 * now.total('callmine_loop_lag_seconds'):.0f}",
        f"{now.total('callmine_memory_bytes') / _MIB:.0f}",
    ]


def _rate(now: Reading, before: Reading | None, name: str) -> str:
    """Of a histogram, a second; nothing to say where there is no earlier reading of the same process."""
    if before is None or before.metrics is None or now.count(name) < before.count(name):
        return "-"
    return f"{(now.count(name) - before.count(name)) / (now.at - before.at):.1f}"


def _errors(now: Reading) -> int:
    series = [one for one in now.metrics or () if one["name"] == "callmine_http_request_seconds"]
    return sum(int(one["count"]) for one in series if one["labels"]["status"] == "5xx")


def table(rows: Sequence[Sequence[str]]) -> Table:
    """The rows as they are shown. `req/s` and `out/s` (requests to other companies) are since the last look, counts since the start."""
    shown = Table(title="Callmine", title_justify="left")
    for name in COLUMNS:
        shown.add_column(name, justify="left" if name in COLUMNS[:2] else "right")
    for row in rows:
        shown.add_row(*row)
    return shown


async def watch(directory: Path, console: Console, seconds: float, *, once: bool) -> None:
    """Show the table every so many `seconds` until cancelled; `once` looks twice, prints and ends. Raises NothingRuns."""
    async with Board.open(directory) as board:
        rows = await board.rows()
        if once:
            await asyncio.sleep(seconds)
            console.print(table(await board.rows()))
            return
        with Live(table(rows), console=console, screen=console.is_terminal) as live:
            while True:
                await asyncio.sleep(seconds)
                live.update(table(await board.rows()), refresh=True)

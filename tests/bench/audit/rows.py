"""The rows."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.audit.appending import Taken, appended, bare
from bench.audit.load import WORKSPACES, events
from bench.audit.verifying import checked
from bench.harness import Row
from chaos.server import postgres

QUICK_ENTRIES, FULL_ENTRIES = 90_000, 480_000
QUICK_ROUNDS, FULL_ROUNDS = 3, 5
QUICK_EXPORT, FULL_EXPORT = 100_000, 1_000_000

# How often the service looks at what is to be sealed (audit.settings).
_PAUSE = 0.5

# What is asked of the service: entries a second, per cent of them, seconds of lag, seconds for a million entries.
LEAST_PER_SECOND, MOST_TAKEN, MOST_LAG, MOST_SECONDS = 12_000, 5.0, 2.0, 60.0

# Microseconds of two processors for each of so many entries a second.
_MOST_SPENT = 2_000_000 / LEAST_PER_SECOND


async def run(quick: bool) -> list[Row]:
    """Appending in turns with and without sealing and bare; then verifying."""
    count, rounds = (QUICK_ENTRIES, QUICK_ROUNDS) if quick else (FULL_ENTRIES, FULL_ROUNDS)
    without, sealing, alone = [], [], []
    with postgres() as admin_url:
        for number in range(rounds):
            without.append(await appended(admin_url, count, number * 10, None))
            sealing.append(await appended(admin_url, count, number * 10, _PAUSE))
            alone.append(await bare(admin_url, events(count, number * 10)))
        return [*_appending(without, sealing, statistics.median(alone)), *await _checking(admin_url, quick)]


def _appending(without: Sequence[Taken], sealing: Sequence[Taken], alone: float) -> list[Row]:
    plain, sealed, until = (
        statistics.median(one.per_second for one in without),
        statistics.median(one.per_second for one in sealing),
        statistics.median(one.until_sealed for one in sealing),
    )
    kept = statistics.median(two.per_second / one.per_second for one, two in zip(without, sealing, strict=True))
    of = f"of {WORKSPACES} workspaces"
    return [
        {"row": f"appending {of}, without sealing", "unit": "entries/s", "ours": plain, "bound": alone},
        {
            "row": "appending beside the sealing process",
            "unit": "entries/s",
            "ours": sealed,
            "alternative": plain,
            "bound": alone,
            "limit": LEAST_PER_SECOND,
        },
        {
            "row": "until the last is sealed",
            "unit": "entries/s",
            "ours": until,
            "alternative": plain,
            "bound": alone,
            "limit": LEAST_PER_SECOND,
        },
        {
            "row": "what the sealing process takes of it",
            "unit": "%",
            "ours": 100 * (1 - kept),
            "limit": MOST_TAKEN,
        },
        {
            "row": "from recorded to sealed, median",
            "unit": "s",
            "ours": statistics.median(one.lag_median for one in sealing),
            "limit": MOST_LAG,
        },
        {
            "row": "from recorded to sealed, p99",
            "unit": "s",
            "ours": max(one.lag_p99 for one in sealing),
            "limit": MOST_LAG,
        },
        *_spent(without, sealing),
    ]


def _spent(without: Sequence[Taken], sealing: Sequence[Taken]) -> list[Row]:
    """Processor time, by who spends it; and how much more of it an entry takes where it is sealed."""
    told = {
        "the recording process": [one.python_us for one in without],
        "PostgreSQL while recording": [one.postgres_us for one in without],
        "PostgreSQL while recording and sealing": [one.postgres_us for one in sealing],
        "the sealing process": [one.sealer_cpu_us for one in sealing],
    }
    more = statistics.median(two.all_us / one.all_us for one, two in zip(without, sealing, strict=True)) - 1
    rows: list[Row] = [
        {"row": f"{who}, an entry", "unit": "µs of CPU", "ours": statistics.median(spent)}
        for who, spent in told.items()
    ]
    whole = statistics.median(one.all_us for one in sealing)
    return [
        *rows,
        {"row": "all of them, recorded and sealed, an entry", "unit": "µs of CPU", "ours": whole, "limit": _MOST_SPENT},
        {
            "row": "processor time that sealing adds to recording",
            "unit": "%",
            "ours": 100 * more,
            "limit": MOST_TAKEN,
        },
    ]


async def _checking(admin_url: str, quick: bool) -> list[Row]:
    entries = QUICK_EXPORT if quick else FULL_EXPORT
    with tempfile.TemporaryDirectory(prefix="callmine-export-") as folder:
        done = await checked(admin_url, Path(folder), entries)
    million = 1_000_000 / entries
    return [
        {
            "row": f"{what} {entries:,} entries with their proof",
            "unit": "s a million",
            "ours": whole.seconds * million,
            "limit": limit,
            "mebibytes": whole.mebibytes,
            "of_a_tenth": tenth.mebibytes,
        }
        for what, whole, tenth, limit in (
            ("exporting", done.exported, done.tenth_exported, None),
            ("verifying", done.verified, done.tenth_verified, MOST_SECONDS),
        )
    ]

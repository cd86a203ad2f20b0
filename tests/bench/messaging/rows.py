"""The rows: throughput of the three contestants in paired rounds, and our latency under a light load."""

from __future__ import annotations

from bench.harness import Row, Value, paired
from bench.messaging import bare, ours, threaded
from bench.messaging.cloud import Cloud, cloud
from bench.messaging.load import Load

KEYS = (1, 100, 1000)

# Transactions a second while latency is measured: far below what saturates, so that it shows the path and not a queue.
_LIGHT_LOAD = 50.0


async def run(quick: bool) -> list[Row]:
    """A row for each number of keys."""
    async with cloud() as parts:
        await ours.throughput(parts, Load(2000, 100))  # warms connections and caches
        return [await _row(parts, keys, quick) for keys in KEYS]


async def _row(parts: Cloud, keys: int, quick: bool) -> Row:
    events, few, rounds = (20_000, 2_000, 3) if quick else (100_000, 5_000, 5)
    rates = await paired(
        rounds,
        {
            "ours": lambda: ours.throughput(parts, Load(events, keys)),
            # A tenth of the events: its rate does not depend on how many there are, and nobody wants to wait.
            "alternative": lambda: threaded.throughput(parts, Load(few, keys)),
            "bound": lambda: bare.throughput(parts, Load(events, keys)),
        },
    )
    p50, p99 = await ours.latency(parts, Load(200 if quick else 2000, keys), _LIGHT_LOAD)
    name = f"{keys:,} {'key' if keys == 1 else 'keys'}"
    latencies: dict[str, Value] = {"p50_ms": round(p50, 1), "p99_ms": round(p99, 1)}
    return {"row": name, "unit": "messages/s"} | {who: round(rate) for who, rate in rates.items()} | latencies

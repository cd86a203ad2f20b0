"""From start to ready, and what an idle process holds: each service of a whole stack, beside a bare FastAPI + asyncpg app.

`ours` is a second process of the service, started beside the one that runs, from `exec` to the first 200 of `/readyz`; the alternative is
the smallest thing with the same promise: an app with a pool whose `/readyz` asks the database, over the same TLS. Both take turns, on the
same machine, database and compiled files, so that a slow minute hits both; medians. `cold` is the first start of a file set that the
operating system may not have in memory. A row's bound is 1.5 times the bare app: `share_of_bound` above 1 is too slow.

Memory is the resident set a few seconds after ready, with nobody asking for anything. What each image installs is in build/start.json.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.harness import RESULTS, ROOT, Row, paired
from chaos.server import stack_folder
from contracts.registry import SERVICES
from local.stack import Process, Stack, StackSettings
from local.stack.instances import Code, Instance
from local.stack.ports import free_port

# What the services are held to (docs/deploying.md).
LONGEST_SECONDS, LONGEST_TIMES, MOST_MB = 2.5, 1.5, 150

_IDLE_SECONDS = 5.0

# Far less than what a tenth of a start takes, or starts would be counted in steps.
_ASKED_EVERY_SECONDS = 0.005
_BARE = Path(__file__).parent / "bare.py"


async def run(quick: bool) -> Sequence[Row]:
    """Two rows a service."""
    with stack_folder("callmine-bench-start-") as directory:
        async with Stack.start(StackSettings(directory)) as stack:
            rows = [row for service in SERVICES for row in await _rows(stack, service, 2 if quick else 7)]
    listed = {service: distributions(service) for service in SERVICES}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.with_name("start.json").write_text(json.dumps({"rows": rows, "installed": listed}, indent=2) + "\n")
    return [*rows, *_counts(listed)]


async def _rows(stack: Stack, service: str, rounds: int) -> list[Row]:
    memory: dict[str, float] = {}

    async def ours() -> float:
        log = stack.settings.directory / "logs" / "bench.log"
        instance = Instance.of(f"{service}.bench", service, Code.here(), stack.service_environment(service), log)
        return await _started(stack, instance.process, f"{instance.url}/readyz", memory, "ours")

    async def bare() -> float:
        process, port = _bare(stack, service)
        return await _started(stack, process, f"https://127.0.0.1:{port}/readyz", memory, "alternative")

    cold = await ours()
    times = await paired(rounds, {"ours": ours, "alternative": bare})
    return [
        {
            "row": f"{service}: start to ready",
            "unit": "s",
            "ours": round(times["ours"], 2),
            "alternative": round(times["alternative"], 2),
            "bound": round(LONGEST_TIMES * times["alternative"], 2),
            "cold": round(cold, 2),
            "most": LONGEST_SECONDS,
        },
        {"row": f"{service}: memory when idle", "unit": "MB", **memory, "most": MOST_MB},
    ]


async def _started(stack: Stack, process: Process, url: str, memory: dict[str, float], name: str) -> float:
    """Seconds from start to ready; what it holds in MB when idle goes, the first time, into `memory`."""
    began = time.monotonic()
    await process.start()
    try:
        await stack.answers(process, url, _ASKED_EVERY_SECONDS)
        taken = time.monotonic() - began
        if name not in memory:
            await asyncio.sleep(_IDLE_SECONDS)
            memory[name] = _resident_mb(process.pid)
    finally:
        await process.stop()
    return taken


def _bare(stack: Stack, service: str) -> tuple[Process, int]:
    environment = stack.service_environment(service)
    port = free_port()
    given: Mapping[str, str] = {
        "PATH": environment["PATH"],
        "PORT": str(port),
        **{name: environment[f"CALLMINE_{name}"] for name in ("APP_DATABASE_URL", "TLS_CERT", "TLS_KEY")},
    }
    log = stack.settings.directory / "logs" / "bare.log"
    return Process("bare", [sys.executable, str(_BARE)], given, log, ROOT), port


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)


def distributions(service: str) -> list[str]:
    """What the image of a service installs, `name==version`: its lock file."""
    lines = (ROOT / f"requirements-{service}.lock").read_text().splitlines()
    return [line.split()[0] for line in lines if line and line[0].isalnum()]


def _counts(listed: Mapping[str, Sequence[str]]) -> list[Row]:
    sdks = ("openai", "anthropic", "stripe")
    return [
        {
            "row": f"{service}: distributions in the image",
            "unit": ", ".join(sdk for sdk in sdks if any(one.startswith(f"{sdk}==") for one in names)) or "no SDK",
            "ours": len(names),
        }
        for service, names in listed.items()
    ]

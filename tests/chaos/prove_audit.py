"""The audit log: every change has its entry, exactly once; nobody can change it afterwards unnoticed; nobody honest is accused.

Processes are killed with SIGKILL at every fault point between a message and its sealed entry. 64 writers in 8 processes record and seal
side by side. Logs are sent to SIEMs for ten minutes in which three requests in ten fail and senders die. Exports and databases are
forged in every way that `chaos.audit.tampering` lists, and checked with the verifier against one checkpoint that was pinned before.
Honest histories, with erasures in between, are checked against checkpoints from all along their way.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from chaos.audit.databases import crowded, forged, killed
from chaos.audit.histories import Told, honest, tampered
from chaos.audit.streams import streamed
from chaos.harness import Plan, Verdict
from chaos.server import postgres

QUICK_HISTORIES, FULL_HISTORIES = 1_000, 10_000
QUICK_FORGED, FULL_FORGED = 20, 200
QUICK_DATABASES, FULL_DATABASES = 1, 5
QUICK_KILLED, FULL_KILLED = 2, 20
QUICK_STREAMED, FULL_STREAMED = 1, 10
MESSAGES, CROWD_MESSAGES = 300, 400

# Histories in one task of a process.
_SHARE = 50


async def prove(plan: Plan) -> Verdict:
    """Histories on all processors first, then the databases."""
    seed = plan.seed
    told = await _histories(plan)
    sums, problems = Counter[str](), [*told.alarms, *told.unnoticed]
    with postgres() as admin_url:
        for number in range(FULL_KILLED if plan.full else QUICK_KILLED):
            counts = await killed(admin_url, seed + number, MESSAGES)
            sums += counts.of
            problems += counts.problems
        crowd = await crowded(admin_url, seed, CROWD_MESSAGES)
        sums += crowd.of
        problems += crowd.problems
        for number in range(FULL_STREAMED if plan.full else QUICK_STREAMED):
            sent = await streamed(admin_url, seed + number)
            sums += sent.of
            problems += sent.problems
        tried, noticed = told.tampers, told.found
        for number in range(FULL_DATABASES if plan.full else QUICK_DATABASES):
            more_tried, more_noticed, unnoticed = await forged(admin_url, seed + number)
            tried, noticed = tried + more_tried, noticed + more_noticed
            problems += unnoticed
    figures = {
        "changes": sums["changes"],
        "missing": sums["missing"],
        "duplicated": sums["duplicated"],
        "kills": sums["kills"],
        "tampers": tried.total(),
        "tampers_found": noticed.total(),
        "kinds_of_tampers": len(tried),
        "histories": told.histories,
        "false_alarms": len(told.alarms),
        "written_by_64_writers": sums["written"],
        "checkpoints_compared": sums["checkpoints"],
        "forks": sums["forks"],
        "gaps": sums["gaps"],
        "streamed": sums["streamed"],
        "stream_lost": sums["lost"],
        "stream_requests": sums["requests"],
        "stream_failed": sums["failed"],
        "stream_deaths": sums["stream_deaths"],
        "stream_duplicates": sums["repeated"],
        "stream_duplicates_unmarked": sums["unmarked"],
        "stream_disordered": sums["disordered"],
    }
    return Verdict(figures, tuple(problems))


async def _histories(plan: Plan) -> Told:
    count, forgeries = (FULL_HISTORIES, FULL_FORGED) if plan.full else (QUICK_HISTORIES, QUICK_FORGED)
    first = plan.seed * 1_000_000
    shares = [range(start, min(start + _SHARE, first + count)) for start in range(first, first + count, _SHARE)]
    loop, told = asyncio.get_running_loop(), Told()
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        tasks = [loop.run_in_executor(processes, honest, share) for share in shares]
        tasks += [loop.run_in_executor(processes, tampered, range(first + n, first + n + 1)) for n in range(forgeries)]
        for done in asyncio.as_completed(tasks):
            told.add(await done)
            plan.tick(told.histories, count)
    return told

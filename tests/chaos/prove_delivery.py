"""Delivery: every committed event has its effect exactly once, in the end in order, however processes die and messages stray.

The seed decides who does what, who dies where, and what the broker does. Where a schedule lets two transactions run at once, PostgreSQL
decides which is first, as it does in production: two runs of one seed may differ there by a few messages.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import AsyncExitStack
from dataclasses import replace

from chaos.delivery.oracle import Findings, judge, rest_of
from chaos.delivery.world import MakeRelay, World
from chaos.effects import effects_database
from chaos.harness import Plan, Verdict
from chaos.server import postgres
from database import Database
from messaging import Relay

QUICK, FULL = 1_000, 10_000

# A schedule mostly waits for the database.
LANES = 3


async def prove(plan: Plan) -> Verdict:
    """Run the schedules, some side by side: each lane has a database of its own, and its schedules follow one another."""
    count = FULL if plan.full else QUICK
    done = itertools.count(1)
    counted = replace(plan, tick=lambda _done, _total: plan.tick(next(done), count))
    async with AsyncExitStack() as stack:
        admin_url = stack.enter_context(postgres())
        names = [f"proof-delivery-n{lane}" for lane in range(LANES)]
        databases = [
            await stack.enter_async_context(effects_database(admin_url, name, durable=False)) for name in names
        ]
        async with asyncio.TaskGroup() as group:
            lanes = [
                group.create_task(run_schedules(db, counted, range(lane, count, LANES)))
                for lane, db in enumerate(databases)
            ]
    findings = sum((lane.result() for lane in lanes), Findings())
    return Verdict(findings.figures(), tuple(findings.problems))


async def run_schedules(db: Database, plan: Plan, numbers: range, make_relay: MakeRelay = Relay) -> Findings:
    """Run the schedules with these numbers; each draws from the seed and its number."""
    findings = Findings()
    for number in numbers:
        world = World(db, number, random.Random(f"{plan.seed}/{number}"), make_relay)
        await world.run()
        judge(world, await rest_of(db, world), findings)
        await world.close()
        plan.tick(findings.schedules, len(numbers))
    return findings

"""Delivery: every committed event has its effect exactly once, in the end in order, however processes die and messages stray."""

from __future__ import annotations

import random

from chaos.delivery.oracle import Findings, judge, rest_of
from chaos.delivery.world import MakeRelay, World
from chaos.effects import effects_database
from chaos.harness import Plan, Verdict
from chaos.server import postgres
from database import Database
from messaging import Relay

QUICK, FULL = 1_000, 10_000


async def prove(plan: Plan) -> Verdict:
    """Run the schedules one after the other on one database."""
    count = FULL if plan.full else QUICK
    with postgres() as admin_url:
        async with effects_database(admin_url, "proof-delivery", durable=False) as db:
            findings = await run_schedules(db, plan, range(count))
    return Verdict(findings.figures(), tuple(findings.problems))


async def run_schedules(db: Database, plan: Plan, numbers: range, make_relay: MakeRelay = Relay) -> Findings:
    """Run the schedules with these numbers; each depends on the seed and its number only."""
    findings = Findings()
    for number in numbers:
        world = World(db, number, random.Random(f"{plan.seed}/{number}"), make_relay)
        await world.run()
        judge(world, await rest_of(db, world), findings)
        await world.close()
        plan.tick(findings.schedules, len(numbers))
    return findings

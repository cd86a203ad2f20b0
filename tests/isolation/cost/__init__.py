"""What isolation costs: the hot queries with the walls and without, and whether every statement finds its workspace by an index."""

from __future__ import annotations

import asyncio

import uvloop

from chaos.harness import Plan
from isolation import Part
from isolation.cost.ledger import ledger
from isolation.cost.overhead import overhead
from isolation.cost.paired import Interval
from isolation.cost.plans import SERVICES, Looked, look

MOST = 1.05
"""The walls may cost a twentieth."""

QUICK_ROWS, FULL_ROWS = 100_000, 1_000_000
QUICK_BLOCKS, FULL_BLOCKS = 400, 4_000
QUICK_FILL, FULL_FILL = 20_000, 100_000


async def measure(plan: Plan, admin_url: str) -> Part:
    """Look at all plans, then measure the overhead on the event loop that services run on."""
    looked = Looked()
    for service in SERVICES:
        await look(admin_url, service, FULL_FILL if plan.full else QUICK_FILL, looked)
    found = await asyncio.to_thread(uvloop.run, _overhead(plan, admin_url))
    figures = {
        "overhead_ratio": round(found.middle, 4),
        "overhead_low": round(found.low, 4),
        "overhead_high": round(found.high, 4),
        "plans": looked.plans,
        "plans_without_workspace_index": len(looked.without_index),
    }
    return Part(figures, (*looked.without_index, *_too_dear(found)))


async def _overhead(plan: Plan, admin_url: str) -> Interval:
    rows, blocks = (FULL_ROWS, FULL_BLOCKS) if plan.full else (QUICK_ROWS, QUICK_BLOCKS)
    async with ledger(admin_url, "proof-cost", rows) as where:
        together, _ = await overhead(where, plan.seed, blocks, plan.tick)
    return together


def _too_dear(found: Interval) -> list[str]:
    """Only what is certain: on a busy machine the interval is wide."""
    if found.low <= MOST:
        return []
    return [
        f"the walls cost {found.middle - 1:.1%} ({found.low - 1:.1%} to {found.high - 1:.1%}), the aim is {MOST - 1:.0%}"
    ]


__all__ = ["MOST", "measure"]

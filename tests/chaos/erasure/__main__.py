"""`python -m chaos.erasure`: the drill alone, as `make restore-drill` runs it; writes build/proofs/restore-drill.json."""

from __future__ import annotations

import asyncio
import logging
import sys

from rich.console import Console

from chaos.erasure.drill import drill
from chaos.harness import Plan, Verdict, run_one


async def _drill(plan: Plan) -> Verdict:
    return await drill(plan.tick, plan.seed)


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    sys.exit(0 if asyncio.run(run_one(Console(), "restore-drill", _drill, 0, full=False)).holds else 1)

"""Renewal of credentials under every crash and stall: ours, mutants of ours, and two locks as others build them.

The algorithm is the one that production runs (`credential_vault.handlers.renewing`), driven step by step over a store in memory that does
what the one on PostgreSQL does (`conformance` compares the two), and over PostgreSQL itself (`real`). How the figures are counted, and what
the unavoidable class is, stands in `judge`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from chaos.harness import Figure, Plan
from chaos.vault.renewal.baselines import BASELINES
from chaos.vault.renewal.conformance import disagreements
from chaos.vault.renewal.judge import Count, judged
from chaos.vault.renewal.mutants import MUTANTS
from chaos.vault.renewal.postgres import bench_in, vault_database
from chaos.vault.renewal.real import played_for_real
from chaos.vault.renewal.schedule import Player, ours, played
from core.ids import WorkspaceId
from isolation import Part

QUICK, FULL = 2_000, 10_000

# On PostgreSQL: schedules, and sequences of operations on both stores.
_REAL, _REAL_FULL = 24, 120
_SEQUENCES, _SEQUENCES_FULL = 6, 60

# A mutant counts as missed after so many schedules.
_MUTANT_SCHEDULES = 2_000
_BASELINE_SCHEDULES = 200

WRONG = ("double_spends", "lost_rotations", "false_reconnects")
_MOST = ("calls_per_expiry", "calls_unheard")


class Sum:
    """Counts of many schedules put together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []

    def add(self, count: Count, what: str) -> None:
        """One more; `what` names it where it is not clean."""
        for name, value in asdict(count).items():
            self.counts[name] = max(self.counts[name], value) if name in _MOST else self.counts[name] + value
        if not count.is_clean:
            self.problems.append(f"renewal, {what}: {count}")


async def measure(plan: Plan, admin_url: str, schedules: int | None = None) -> Part:
    """Play `schedules` of ours (otherwise QUICK, or FULL for a full plan), then the mutants, the others' locks, and some on PostgreSQL."""
    total, found = schedules or (FULL if plan.full else QUICK), Sum()
    for number in range(total):
        found.add(judged(played(_seed(plan, number), ours())), f"schedule {_seed(plan, number)}")
        plan.tick(number + 1, total)
        # Whatever else is proven at the same time has its turn.
        await asyncio.sleep(0)
    missed = [name for name, player in MUTANTS.items() if not _is_caught(player, plan)]
    found.problems += [f"renewal, seed {plan.seed}: the mutant '{name}' is not noticed" for name in missed]
    real = await _on_postgres(plan, admin_url, found)
    counts = found.counts
    figures: dict[str, Figure] = {
        "schedules": total,
        "schedules_on_postgres": real,
        **{name: counts[name] for name in WRONG},
        "stuck": counts["stuck"],
        "max_calls_per_expiry": counts["calls_per_expiry"],
        "unavoidable_losses": counts["unheard"] + counts["died_with_it"],
        "unavoidable_unheard": counts["unheard"],
        "unavoidable_died_with_it": counts["died_with_it"],
        "max_calls_in_unavoidable_class": counts["calls_unheard"],
        "mutants": len(MUTANTS),
        "mutants_caught": len(MUTANTS) - len(missed),
        "baselines": {name: _baseline(name, plan) for name in BASELINES},
    }
    return Part(figures, tuple(found.problems))


def _seed(plan: Plan, number: int) -> int:
    return plan.seed * 1_000_000 + number


def _is_caught(player: Player, plan: Plan) -> bool:
    return any(not judged(played(_seed(plan, number), player)).is_clean for number in range(_MUTANT_SCHEDULES))


def _baseline(name: str, plan: Plan) -> Mapping[str, int]:
    found = Sum()
    for number in range(_BASELINE_SCHEDULES):
        found.add(judged(played(_seed(plan, number), BASELINES[name]())), name)
    return {"schedules": _BASELINE_SCHEDULES, **{one: found.counts[one] for one in WRONG}}


async def _on_postgres(plan: Plan, admin_url: str, found: Sum) -> int:
    """How many schedules were played there."""
    sequences, schedules = (_SEQUENCES_FULL, _REAL_FULL) if plan.full else (_SEQUENCES, _REAL)
    async with vault_database(admin_url, "proof-renewal") as dsns:
        for number in range(sequences):
            async with bench_in(dsns, admin_url, WorkspaceId(f"org_conforms{number}")) as bench:
                found.problems += await disagreements(bench, _seed(plan, number))
        for number in range(schedules):
            count = await played_for_real(dsns, admin_url, _seed(plan, number))
            found.add(count, f"schedule {_seed(plan, number)} on PostgreSQL")
            plan.tick(number + 1, schedules)
    return schedules


__all__ = ["FULL", "QUICK", "measure"]

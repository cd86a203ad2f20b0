"""Renewal of credentials under every crash and stall: ours, mutants of ours, and two locks as others build them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from chaos.harness import Figure, Plan
from chaos.vault.renewal.baselines import BASELINES
from chaos.vault.renewal.mutants import MUTANTS
from chaos.vault.renewal.schedule import Count, Player, ours, play
from isolation import Part

QUICK, FULL = 2_000, 10_000
# A mutant is given up as not noticed after so many schedules.
_MUTANT_SCHEDULES = 2_000
_BASELINE_SCHEDULES = 200

COUNTED = ("double_spends", "lost_rotations", "false_reconnects")


async def measure(plan: Plan, admin_url: str, schedules: int | None = None) -> Part:
    """Play `schedules` of ours (otherwise QUICK, or FULL for a full plan), then the mutants and the others' locks."""
    total = schedules or (FULL if plan.full else QUICK)
    sums: Counter[str] = Counter()
    problems: list[str] = []
    for number in range(total):
        seed = plan.seed * 1_000_000 + number
        count = play(seed, ours())
        _sum(sums, count)
        if not count.is_clean:
            problems.append(f"renewal, schedule {seed}: {count}")
        plan.tick(number + 1, total)
    missed = [name for name, player in MUTANTS.items() if not _is_caught(player, plan.seed)]
    problems += [f"renewal: the mutant '{name}' is not noticed" for name in missed]
    figures: dict[str, Figure] = {
        "schedules": total,
        **{name: sums[name] for name in (*COUNTED, "unavoidable_losses", "lost_calls")},
        "max_calls_per_expiry": sums["max_calls_per_expiry"],
        "mutants": len(MUTANTS),
        "mutants_caught": len(MUTANTS) - len(missed),
        "baselines": {name: _baseline(made, plan.seed) for name, made in BASELINES.items()},
    }
    return Part(figures, tuple(problems))


def _sum(sums: Counter[str], count: Count) -> None:
    for name in (*COUNTED, "unavoidable_losses", "lost_calls"):
        sums[name] += getattr(count, name)
    sums["max_calls_per_expiry"] = max(sums["max_calls_per_expiry"], count.calls_per_expiry)


def _is_caught(player: Player, seed: int) -> bool:
    return any(not play(seed * 1_000_000 + number, player).is_clean for number in range(_MUTANT_SCHEDULES))


def _baseline(made: Callable[[], Player], seed: int) -> Mapping[str, int]:
    sums: Counter[str] = Counter()
    for number in range(_BASELINE_SCHEDULES):
        _sum(sums, play(seed * 1_000_000 + number, made()))
    return {"schedules": _BASELINE_SCHEDULES, **{name: sums[name] for name in COUNTED}}


__all__ = ["FULL", "QUICK", "measure"]

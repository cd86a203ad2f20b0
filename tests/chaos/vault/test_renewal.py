"""The simulation itself: it is the same for the same seed, ours passes, and whatever breaks a rule is noticed."""

from __future__ import annotations

import pytest

from chaos.harness import Plan
from chaos.vault.renewal import measure
from chaos.vault.renewal.baselines import BASELINES
from chaos.vault.renewal.mutants import MUTANTS
from chaos.vault.renewal.schedule import Player, ours, play

_SEEDS = range(7_000, 7_600)


def _noticed(player: Player) -> bool:
    return any(not play(seed, player).is_clean for seed in _SEEDS)


def test_a_seed_decides_everything() -> None:
    assert [play(seed, ours()) for seed in range(20)] == [play(seed, ours()) for seed in range(20)]


async def test_ours_holds() -> None:
    part = await measure(Plan(seed=3, full=False, tick=lambda _done, _total: None), "", schedules=300)
    assert part.problems == ()
    assert part.figures["max_calls_per_expiry"] == 1
    # A simulation in which nothing is ever lost on its way would prove nothing.
    assert part.figures["unavoidable_losses"]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_is_missing_is_noticed(name: str) -> None:
    assert _noticed(MUTANTS[name])


@pytest.mark.parametrize("name", BASELINES)
def test_a_lock_as_others_build_it_fails(name: str) -> None:
    counts = [play(seed, BASELINES[name]()) for seed in _SEEDS]
    assert any(count.double_spends for count in counts)

"""The simulation itself: it is the same for the same seed, strikes everywhere, ours passes, and whatever breaks a rule is noticed."""

from __future__ import annotations

from collections import Counter

import pytest

from chaos.harness import Plan
from chaos.vault.renewal import measure
from chaos.vault.renewal.baselines import BASELINES
from chaos.vault.renewal.engine import Blow
from chaos.vault.renewal.judge import judged
from chaos.vault.renewal.mutants import MUTANTS
from chaos.vault.renewal.schedule import Player, ours, played
from chaos.vault.renewal.server import TROUBLES

_SEEDS = range(7_000, 7_600)

# Wherever a process waits between the claim and the end of an attempt.
_PLACES = (
    *(f"{operation}.{moment}" for operation in ("claim", "save", "end") for moment in ("begin", "commit", "durable")),
    *("call.connect", "call.write", "call.reply", "ask.send", "ask.reply", "database.lock", "sleep"),
)


def _is_noticed(player: Player) -> bool:
    return any(not judged(played(seed, player)).is_clean for seed in _SEEDS)


def test_a_seed_decides_everything() -> None:
    once = [(judged(world), world.engine.blows) for world in (played(seed, ours()) for seed in range(20))]
    assert [(judged(world), world.engine.blows) for world in (played(seed, ours()) for seed in range(20))] == once


def test_a_crash_and_a_stall_strike_at_every_wait() -> None:
    blows: Counter[tuple[str, Blow]] = Counter()
    troubles: set[str] = set()
    for seed in _SEEDS:
        world = played(seed, ours())
        blows += world.engine.blows
        troubles |= {call.trouble for call in world.server.calls}
    wanted: list[tuple[str, Blow]] = [(place, blow) for place in _PLACES for blow in ("crash", "stall", "freeze")]
    assert [place for place in wanted if not blows[place]] == []
    # Two of them never reach the provider.
    assert troubles == {"", *TROUBLES} - {"no connection", "lost request"}


async def test_ours_holds(postgres_url: str) -> None:
    part = await measure(Plan(seed=3, full=False, tick=lambda _done, _total: None), postgres_url, schedules=300)
    assert part.problems == ()
    assert part.figures["max_calls_per_expiry"] == 1
    assert part.figures["mutants_caught"] == part.figures["mutants"] == len(MUTANTS)
    # A simulation in which nothing is ever lost on its way would prove nothing.
    assert part.figures["unavoidable_unheard"]
    assert part.figures["unavoidable_died_with_it"]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_is_missing_is_noticed(name: str) -> None:
    assert _is_noticed(MUTANTS[name])


@pytest.mark.parametrize("name", BASELINES)
def test_a_lock_as_others_build_it_fails(name: str) -> None:
    counts = [judged(played(seed, BASELINES[name]())) for seed in range(7_000, 7_100)]
    assert any(count.double_spends for count in counts)
    assert any(count.lost_rotations for count in counts)
    assert any(count.false_reconnects for count in counts)

"""Some of the schedules of `make prove P=erasure`, and erasures that are wrong, which they find."""

from __future__ import annotations

import pytest

from chaos.erasure import MUTANTS, run
from integration.erasure.place import Place
from messaging.erasure.worker import QUIET_SECONDS

SEEDS = 6
# Of a mutant: as many as it takes.
MOST = 60

ONE = pytest.mark.parametrize("place", ["ingest"], indirect=True)


@ONE
async def test_nothing_comes_back_in_any_order(place: Place) -> None:
    place.quiet_seconds = QUIET_SECONDS
    for seed in range(SEEDS):
        outcome = await run(place, seed)
        assert outcome.ended, f"seed {seed}"
        assert outcome.resurrected == {}, f"seed {seed}"


@ONE
@pytest.mark.parametrize("name", MUTANTS)
async def test_an_erasure_that_is_wrong_is_found(place: Place, name: str) -> None:
    place.quiet_seconds = QUIET_SECONDS
    async with MUTANTS[name](place):
        for seed in range(MOST):
            outcome = await run(place, seed)
            if outcome.resurrected or not outcome.ended:
                return
    raise AssertionError(f"not found in {MOST} schedules: {name}")

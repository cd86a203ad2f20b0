"""The thresholds that calls reach together, beside the rule for one call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.domain.plan import Metered


def one_by_one(used: int, reached: int, calls: int, monthly: int) -> list[tuple[int, int]]:
    """Each call by itself: what the plan pays for counts, and one call reaches one threshold, the higher one first."""
    told = []
    for _ in range(calls):
        if used < monthly:
            used += 1
            if used >= monthly and reached < 100:
                told.append((100, used))
            elif used * 5 >= monthly * 4 and reached < 80:
                told.append((80, used))
        if used >= monthly:
            reached = 100
        elif used * 5 >= monthly * 4:
            reached = max(reached, 80)
    return told


@given(
    used=st.integers(0, 40),
    reached=st.sampled_from([0, 80, 100]),
    calls=st.integers(1, 60),
    monthly=st.integers(0, 60),
)
def test_together_is_as_one_by_one(used: int, reached: int, calls: int, monthly: int) -> None:
    by_plan = max(0, min(calls, monthly - used))
    metered = Metered(used, reached, by_plan, 0)
    assert metered.reached(monthly) == one_by_one(used, reached, calls, monthly)

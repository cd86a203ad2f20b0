"""When to try again, and after how long."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from egress import retry


class NoonClock:
    """Stands at noon."""

    def now(self) -> datetime:
        return datetime(2026, 3, 14, 12, 0, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Sat, 14 Mar 2026 12:01:00 GMT", 60.0),
        ("Sat, 14 Mar 2026 12:01:00 -0000", 60.0),
        ("Sat, 14 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry.parse_retry_after(text, NoonClock()) == seconds


def test_waits_are_spread_over_a_growing_and_bounded_range() -> None:
    source = random.Random(7)
    first = [retry.full_jitter(1, source) for _ in range(500)]
    late = [retry.full_jitter(20, source) for _ in range(500)]
    assert min(first) < 0.02
    assert 0.36 < max(first) <= 0.4
    assert 4.5 < max(late) <= retry.CAP_SECONDS


def test_a_budget_is_earned_back_by_successes() -> None:
    budget = retry.RetryBudget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(10):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_servers_of_one_destination_have_budgets_of_their_own() -> None:
    budgets = retry.RetryBudgets()
    while budgets.of("gong", b"one.api.gong.io").spend():
        pass
    assert budgets.of("gong", b"two.api.gong.io").spend()
    assert not budgets.of("gong", b"one.api.gong.io").spend()


def test_the_number_of_budgets_is_bounded_and_the_oldest_goes_first() -> None:
    budgets = retry.RetryBudgets()
    first = budgets.of("gong", b"0")
    kept = budgets.of("gong", b"1")
    for number in range(2, retry.MOST_BUDGETS + 1):
        budgets.of("gong", b"%d" % number)
    assert budgets.of("gong", b"1") is kept
    assert budgets.of("gong", b"0") is not first

"""When a consumer stops, and when it must not."""

from __future__ import annotations

from messaging.breaker import Breaker, BreakerSettings


def test_it_opens_once_more_than_half_of_at_least_twenty_were_parked() -> None:
    breaker = Breaker(BreakerSettings())
    assert [breaker.parked() for _ in range(19)] == [False] * 19
    assert breaker.parked()
    assert "20 of the last 20" in breaker.reason


def test_exactly_half_is_not_too_many() -> None:
    breaker = Breaker(BreakerSettings())
    breaker.processed(50)
    for _ in range(50):
        assert not breaker.parked()
    assert breaker.parked()


def test_only_the_last_hundred_count() -> None:
    breaker = Breaker(BreakerSettings())
    for _ in range(15):
        breaker.parked()
    breaker.processed(100)
    for _ in range(50):
        assert not breaker.parked()


def test_closing_starts_anew() -> None:
    breaker = Breaker(BreakerSettings())
    for _ in range(20):
        breaker.parked()
    breaker.close()
    assert breaker.reason == ""
    assert not breaker.parked()

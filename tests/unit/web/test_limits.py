"""Limits of requests: what gets in over several processes, what is told, and what is asked of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from random import Random
from typing import Any

import pytest

from core.ids import WorkspaceId
from testkit.clock import SimulatedClock
from web.limits import WINDOW_SECONDS, Asker, Limit, Rates, RequestLimits, Share, TooManyRequests

ACME, RIVAL = WorkspaceId("org_acme0001"), WorkspaceId("org_rival001")
RATES = Rates(key=100, workspace=150, key_costly=4, workspace_costly=6)


class Counter:
    """What the table does, by a clock of its own; each question takes a moment."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._used: dict[tuple[str, str], tuple[int, float]] = {}
        self.asked = 0

    async def take(self, workspace_id: WorkspaceId, wanted: Sequence[Limit]) -> Mapping[str, Share]:
        self.asked += 1
        await asyncio.sleep(0)
        return {one.subject: self._one(workspace_id, one) for one in wanted}

    def _one(self, workspace_id: WorkspaceId, limit: Limit) -> Share:
        now = self._clock.monotonic()
        used, ends_at = self._used.get((workspace_id, limit.subject), (0, 0.0))
        if ends_at <= now:
            used, ends_at = 0, now + WINDOW_SECONDS
        granted = max(0, min(limit.share, (limit.quota - used + 3) // 4))
        self._used[workspace_id, limit.subject] = (used + granted, ends_at)
        return Share(granted, limit.quota - used - granted, ends_at - now)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def counter(clock: SimulatedClock) -> Counter:
    return Counter(clock)


def key(name: str, workspace: WorkspaceId = ACME) -> Asker:
    return Asker(workspace, "key", name, name.encode())


async def tried(limits: RequestLimits, asker: Asker, *, costly: bool = False) -> bool:
    scope: MutableMapping[str, Any] = {}
    try:
        await (limits.count_costly if costly else limits.count)(scope, asker)
    except TooManyRequests:
        return False
    return True


@pytest.mark.parametrize("seed", range(5))
async def test_never_more_than_the_limit_gets_in_whatever_the_number_of_processes(
    clock: SimulatedClock, counter: Counter, seed: int
) -> None:
    """Nor much less: what lies unused is a share for each other process at most."""
    rng, processes = Random(seed), [RequestLimits(RATES, counter, clock) for _ in range(3)]
    for _ in range(3):
        waiting = [(rng.choice(processes), key(rng.choice("ab"))) for _ in range(800)]
        answers = await asyncio.gather(*(tried(*one) for one in waiting))
        let_in = [asker.id for (_, asker), good in zip(waiting, answers, strict=True) if good]
        assert max(let_in.count("a"), let_in.count("b")) <= RATES.key
        # The share of the workspace's limit is 7 requests.
        assert RATES.workspace - 7 * len(processes) <= len(let_in) <= RATES.workspace
        await clock.advance(WINDOW_SECONDS)


async def test_the_database_is_asked_once_in_many_requests(clock: SimulatedClock, counter: Counter) -> None:
    limits = RequestLimits(RATES, counter, clock)
    assert all(await asyncio.gather(*(tried(limits, key("a")) for _ in range(60))))
    # 12 shares of the key's limit, 9 of the workspace's, some of them at once.
    assert counter.asked <= 21
    assert [await tried(limits, key("a")) for _ in range(40)] == [True] * 40
    before = counter.asked
    assert not any([await tried(limits, key("a")) for _ in range(500)])
    assert counter.asked == before, "who is over the limit costs nothing"
    assert await tried(limits, key("b")), "another key is not held up by it"
    assert await tried(limits, key("a", RIVAL)), "nor is another workspace"


async def test_what_is_told(clock: SimulatedClock, counter: Counter) -> None:
    limits = RequestLimits(RATES, counter, clock)
    assert [await tried(limits, key("a")) for _ in range(100)] == [True] * 100
    await clock.advance(20.5)
    with pytest.raises(TooManyRequests) as refused:
        await limits.count({}, key("a"))
    assert refused.value.retry_after == 40
    assert refused.value.members == {"violated-policies": ["key"]}
    assert "100 requests a minute" in str(refused.value)
    with pytest.raises(TooManyRequests):
        limits.refuse_known({}, b"a")
    limits.refuse_known({}, b"b")
    await clock.advance(40)
    limits.refuse_known({}, b"a")
    assert await tried(limits, key("a"))


async def test_what_costs_much_has_its_own_limit(clock: SimulatedClock, counter: Counter) -> None:
    limits = RequestLimits(RATES, counter, clock)
    assert [await tried(limits, key("a"), costly=True) for _ in range(6)] == [True] * 4 + [False] * 2
    assert [await tried(limits, key("b"), costly=True) for _ in range(4)] == [True] * 2 + [False] * 2
    assert await tried(limits, key("a")), "reading goes on"


async def test_what_is_remembered_is_bounded(
    clock: SimulatedClock, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.limits._REMEMBERED", 10)
    limits = RequestLimits(RATES, counter, clock)
    for number in range(100):
        assert await tried(limits, key(f"k{number}", WorkspaceId(f"org_w{number}")))
    assert len(limits._held) == 10

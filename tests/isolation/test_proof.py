"""The proof as a whole, in its quick form with a smaller crowd of scopes: what `make prove P=isolation` prints."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chaos.harness import Plan
from chaos.prove_isolation import prove

# A tenth of what the proof sends: it would be a quarter of the time that all tests take.
_TRANSACTIONS = 10_000


async def test_isolation_holds(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLMINE_DATABASE_URL", postgres_url)
    verdict = await prove(Plan(seed=1, full=False, tick=lambda _done, _total: None), _TRANSACTIONS)
    figures = verdict.figures
    # What the walls cost is measured, not asserted: the machine may be busy.
    assert [one for one in verdict.problems if not one.startswith("the walls cost")] == []
    assert figures["plans"]
    assert figures["plans_without_workspace_index"] == 0
    assert figures["statements"] == figures["statements_checked"]
    assert figures["captured"] == figures["captured_checked"]
    assert figures["mutants"] == figures["mutants_killed"]
    by_wall = figures["wall_alone"]
    assert isinstance(by_wall, Mapping)
    assert set(by_wall) == {"types", "checker", "database", "keys"}
    assert all(wall["mutants"] == wall["killed"] > 0 for wall in by_wall.values())
    assert figures["transactions"] == _TRANSACTIONS
    assert figures["differences"] == figures["stale_scopes"] == 0
    assert all(figures[name] for name in ("statements", "captured", "mutants", "operations"))

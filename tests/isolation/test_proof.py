"""The proof as a whole, in its quick form: what `make prove P=isolation` prints."""

from __future__ import annotations

from chaos.harness import Plan
from chaos.prove_isolation import prove


async def test_isolation_holds() -> None:
    verdict = await prove(Plan(seed=1, full=False, tick=lambda _done, _total: None))
    figures = verdict.figures
    # What the walls cost is measured, not asserted: the machine may be busy.
    assert [one for one in verdict.problems if not one.startswith("the walls cost")] == []
    assert figures["plans"]
    assert figures["plans_without_workspace_index"] == 0
    assert figures["statements"] == figures["statements_checked"]
    assert figures["captured"] == figures["captured_checked"]
    assert figures["mutants"] == figures["mutants_killed"]
    assert figures["differences"] == figures["stale_scopes"] == 0
    assert all(
        figures[name] for name in ("statements", "captured", "mutants", "operations", "transactions", "wall_alone")
    )

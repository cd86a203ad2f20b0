"""Who the running services can send to, by their own guards' word, is who is published: the five sets of docs/trust.md are one."""

from __future__ import annotations

from e2e.conftest import Finished
from promises.checks.recipients import five_sets_agree, no_other_connection, only_listed_are_asked
from promises.system import System


async def test_published_allowed_in_the_code_seen_and_in_the_flows_are_one_set(finished: Finished) -> None:
    system = System(finished.stack, finished.outcomes, finished.directory / "captured", full=False, seed=1)
    for check in (five_sets_agree, only_listed_are_asked, no_other_connection):
        verdict = await check(system)
        assert verdict.problems == (), check.__name__

"""The commands of the runbooks that only read, run as an operator runs them, against a whole stack on which something has happened."""

from __future__ import annotations

from architecture.runbooks.commands import Command, app_of, commands
from e2e.conftest import Finished
from testkit.commands import run


def to_be_run() -> list[Command]:
    """Each once, for the first service it is written for: the five have these commands from one place."""
    shared = {"parked", "migrate"}
    found: dict[tuple[str, ...], Command] = {}
    for one in commands():
        if one.kind == "run":
            who = "" if one.arguments[0] in shared else one.service
            found.setdefault((who, *one.arguments), one)
    return list(found.values())


async def test_what_a_runbook_says_can_be_done(finished: Finished) -> None:
    told = to_be_run()
    assert len(told) >= 8
    failed: list[str] = []
    for one in told:
        environment = finished.stack.service_environment(one.service)
        done = await run(app_of(one.service), *one.arguments, env=environment)
        if done.exit_code != 0 or not done.output.strip():
            failed.append(f"{one.runbook}: {one.line}: {done.exit_code} {done.output[-300:]}")
    assert failed == []

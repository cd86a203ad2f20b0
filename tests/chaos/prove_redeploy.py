"""Rolling services one at a time: nothing is lost, nothing happens twice, and nobody notices.

A whole stack in which every service is the previous release (deploy/previous.yaml, or the newest tag), on that release's schemas. 20 runs
and 200 audit entries a second go on, and people look at every service's pages, while each service in turn is rolled to today's code (its
`pre` migrations first, both versions side by side), back to the previous release on that schema, and forward again with kill -9 for the old
one while both serve. Its `post` migrations come last. FULL=1 goes on with two rounds of today's code alone. That a wrong way of rolling
would be noticed is shown by tests/e2e/test_redeploy.py.

`user_errors` are answers other than 2xx to people's requests, none of which is repeated by them; `killed_errors` those that were with an
instance at the moment when it was killed. `longest_pause_s` is the longest time in which somebody who looks at one service's pages all the
time had no good answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chaos.harness import Figure, Plan, Verdict
from chaos.redeploy.counting import Count, Messages, count
from chaos.redeploy.exercise import Exercise, errors
from chaos.redeploy.flood import Flood
from chaos.redeploy.users import Users
from chaos.server import stack_folder
from contracts.registry import SERVICES
from e2e.commands import put_on_plan
from e2e.runs import database
from e2e.sandbox import Sandbox
from e2e.settled import settled
from e2e.taps import Taps
from local.journey import admin_of, connect
from local.stack import Stack, StackSettings
from local.stack.instances import Code
from local.stack.keys import WORKSPACES

RUNS_AT_ONCE = 20
QUICK_ROUNDS, FULL_ROUNDS = 1, 3

# A model that takes its time, so that runs are under way rather than over.
_SLOW_MODELS = ({"provider": "openai", "delay": 2.0}, {"provider": "anthropic", "delay": 2.0})


@dataclass(slots=True)
class Shown:
    """What one exercise has shown."""

    exercise: Exercise
    users: Users
    counted: Count
    parked: int

    def problems(self) -> list[str]:
        """In words."""
        unended = [f"run {run} did not end" for _, run in self.users.runs if run not in self.users.done]
        failed = [f"run {run} ended {end['state']}: {end['reason']}" for run, end in self.users.done.items()]
        failed = [
            words for words, end in zip(failed, self.users.done.values(), strict=True) if end["state"] != "completed"
        ]
        parked = [f"{self.parked} messages are parked"] if self.parked else []
        return [
            *self.lost(),
            *self.counted.twice,
            *self.errors(),
            *self.exercise.unfinished(),
            *unended,
            *failed,
            *parked,
        ]

    def lost(self) -> list[str]:
        """Messages and entries that are nowhere."""
        return self.counted.lost

    def errors(self) -> list[str]:
        """Of people."""
        return errors(self.exercise, self.users.troubles)


async def prove(plan: Plan) -> Verdict:
    """One whole stack."""
    async with previous() as (stack, old, taps):
        rounds = FULL_ROUNDS if plan.full else QUICK_ROUNDS
        shown = await exercised(Exercise(stack, old, Code.here()), taps, plan, rounds)
    pauses = {service: round(seconds, 2) for service, seconds in sorted(shown.users.pauses.items())}
    drained = [one.drained_seconds for one in shown.exercise.rolled]
    figures: dict[str, Figure] = {
        "services": len(SERVICES),
        "rollouts": len(shown.exercise.rolled),
        "kills": len(shown.exercise.kills),
        "messages": shown.counted.messages,
        "lost": len(shown.lost()),
        "twice": len(shown.counted.twice),
        "user_errors": len(shown.errors()),
        "longest_pause_s": max(pauses.values()),
        "pauses_ms": {service: {"longest": round(1000 * seconds)} for service, seconds in pauses.items()},
        "killed_errors": len(shown.users.troubles) - len(shown.errors()),
        "user_requests": shown.users.requests,
        "runs": len(shown.users.done),
        "longest_drain_s": max(drained),
        "parked": shown.parked,
    }
    return Verdict(figures, (*shown.problems(),))


@asynccontextmanager
async def previous() -> AsyncIterator[tuple[Stack, Code, Taps]]:
    """A stack of the previous release, ready for many runs, every message of it on record."""
    with stack_folder("callmine-redeploy-") as directory:
        old = Code.previous(directory / "versions")
        async with Stack.start(StackSettings(directory, tapped=True, code=old)) as stack, Taps.open(stack) as taps:
            for workspace in WORKSPACES:
                await put_on_plan(stack, workspace, "scale")
                await connect(admin_of(stack, workspace), workspace)
            await settled(stack)
            yield stack, old, taps


async def exercised(exercise: Exercise, taps: Taps, plan: Plan, rounds: int) -> Shown:
    """Use everything, roll each service, let all come to rest, count."""
    stack = exercise.stack
    users, flood, messages = Users(stack), Flood(taps), Messages(taps)
    async with Sandbox(stack).misbehaving(*_SLOW_MODELS), asyncio.TaskGroup() as group:
        for service in SERVICES:
            group.create_task(users.look(service))
        for number in range(RUNS_AT_ONCE):
            group.create_task(users.ask(WORKSPACES[number % len(WORKSPACES)]))
        group.create_task(flood.run())
        taking = group.create_task(messages.follow())
        try:
            await _rolled(exercise, plan, rounds)
        finally:
            users.stopping.set()
            flood.stopping.set()
            taking.cancel()
    await settled(stack, 300)
    await messages.rest()
    parked = [
        await database(stack, service, "SELECT count(*) AS n FROM parked WHERE state = 'parked'")
        for service in SERVICES
    ]
    return Shown(exercise, users, await count(stack, messages.seen, flood.sent), sum(rows[0]["n"] for rows in parked))


async def _rolled(exercise: Exercise, plan: Plan, rounds: int) -> None:
    done, total = 0, rounds * len(SERVICES)
    for number in range(rounds):
        for service in SERVICES:
            plan.tick(done, total)
            await exercise.of(service)
            done += 1
        if number + 1 < rounds:
            exercise.old = exercise.new  # its `post` has run: nobody goes back to what was before

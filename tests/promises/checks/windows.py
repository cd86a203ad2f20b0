"""P4: reports stay as long as the plan says."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest import mock

from contracts import Actor
from core.ids import parse_workspace_id
from local.journey import admin_of
from local.stack.keys import WORKSPACES
from promises.checks.isolation import replaced_policy
from promises.system import Checks, Mutant, Mutants, System, Verdict
from retention.catalogue import read_plans
from retention.domain.plans import PlanName
from retention.events import announce
from retention.handlers import Plans
from retention.main import SERVICE, compose
from retention.settings import Settings
from web import load_settings

# What is promised, in days; 0 is without end.
PROMISED = {"trial": 30, "free": 30, "starter": 90, "growth": 365, "scale": 0}

# A plan is heard of within a second; a busy machine takes longer.
_HEARD_SECONDS = 10.0


async def plans_say_so(system: System) -> Verdict:
    """The plans, what the running services tell of them, and what the service that hides reports goes by."""
    plans = {name.value: plan.report_window_days for name, plan in read_plans(None).items()}
    problems = [f"{name}: {plans.get(name)} days" for name, days in PROMISED.items() if plans.get(name) != days]
    for workspace in WORKSPACES:
        told = await admin_of(system.stack, workspace).json("GET", "/api/v1/plan")
        if told["report_window_days"] != PROMISED[told["plan"]]:
            problems.append(f"{workspace} is told of {told['report_window_days']} days on {told['plan']}")
    async with system.admin("analysis") as database:
        held = await database.fetch("SELECT plan, window_days FROM plans")
    problems += [
        f"analysis goes by {row['window_days']} days for {row['plan']}"
        for row in held
        if row["window_days"] != PROMISED[row["plan"]]
    ]
    return Verdict({"plans": len(plans), "workspaces": len(held)}, tuple(problems))


async def windows_hide_and_show(system: System) -> Verdict:
    """One report of 31 days, through a plan's downgrade and upgrade and back."""
    report = system.ours.run["report_id"]
    problems: list[str] = []
    slowest = 0.0
    async with _older(system, report):
        for plan, shown in (("trial", False), ("starter", True), ("trial", False)):
            await _moved_to(system, plan)
            seen, seconds = await _seen(system, report, shown)
            slowest = max(slowest, seconds)
            if seen != [shown] * 3:
                problems.append(f"on {plan} a report of 31 days: page, API and export show it: {seen}")
                break
            if not await _is_there(system, report):
                problems.append("the row of the report is gone")
    await _moved_to(system, "trial")
    return Verdict({"days old": 31, "slowest change in seconds": round(slowest, 2)}, tuple(problems))


@asynccontextmanager
async def _older(system: System, report: str) -> AsyncIterator[None]:
    """The report was made 31 days earlier, within the block."""
    async with system.admin("analysis") as database:
        move = "UPDATE {} SET created_at = created_at {} interval '31 days' WHERE {} = $1::uuid"
        places = (("reports", "id"), ("report_dates", "report_id"))
        for table, key in places:
            await database.execute(move.format(table, "-", key), report)
        try:
            yield
        finally:
            for table, key in places:
                await database.execute(move.format(table, "+", key), report)


async def _moved_to(system: System, plan: str) -> None:
    """As retention's command `plan` does it, in this process: the running service tells everybody."""
    with mock.patch.dict(os.environ, system.stack.service_environment("retention")):
        settings = load_settings(Settings, SERVICE)
    workspace = parse_workspace_id(f"org_{system.ours.workspace}01")
    async with compose(settings) as parts, parts.db.workspace(workspace) as tx:
        change = await Plans(read_plans(None)).change(tx, PlanName.parse(plan))
        if change is not None:
            await announce(tx, parts.outbox, change, Actor(id=SERVICE))


async def _seen(system: System, report: str, expected: bool) -> tuple[list[bool], float]:
    """What the page, the API and an export show, once they agree with what is expected or time is up; and how long that took."""
    person, began = system.person(), time.monotonic()
    asks = (("GET", f"/reports/{report}"), ("GET", f"/api/v1/reports/{report}"))
    while True:
        answers = [await person.call(method, path) for method, path in asks]
        answers.append(await person.call("POST", f"/api/v1/reports/{report}/export?format=json"))
        seen = [answer.is_success for answer in answers]
        seconds = time.monotonic() - began
        if seen == [expected] * 3 or seconds > _HEARD_SECONDS:
            return seen, seconds
        await asyncio.sleep(0.1)


async def _is_there(system: System, report: str) -> bool:
    async with system.admin("analysis") as database:
        return bool(await database.fetchval("SELECT count(*) FROM reports WHERE id = $1::uuid", report))


@asynccontextmanager
async def floor_removed(system: System) -> AsyncIterator[None]:
    async with replaced_policy(system, "analysis", "reports", "workspace_id = current_setting('app.workspace_id')"):
        yield


@asynccontextmanager
async def window_stretched(system: System) -> AsyncIterator[None]:
    workspace = f"org_{system.ours.workspace}01"
    change = "UPDATE plans SET window_days = $2 WHERE workspace_id = $1"
    async with system.admin("analysis") as database:
        before = await database.fetchval("SELECT window_days FROM plans WHERE workspace_id = $1", workspace)
        await database.execute(change, workspace, 3_650)
        try:
            yield
        finally:
            await database.execute(change, workspace, before)


CHECKS: Checks = {"plans-say-so": plans_say_so, "windows-hide-and-show": windows_hide_and_show}
MUTANTS: Mutants = {
    "window-stretched": Mutant("plans-say-so", window_stretched),
    "floor-removed": Mutant("windows-hide-and-show", floor_removed),
}

"""P9: each step of a staff access stands in the workspace's log, and the log verifies."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from audit.verify import callmine_verify as verifier
from local.broker.clock import SystemClock
from local.broker.tokens import PushSigner
from local.journey import JourneyFailed, Json, until
from local.stack.environment import STAFF, STAFF_AUDIENCE
from promises.system import Checks, Mutant, Mutants, System, Verdict

_ADA, _GRACE = STAFF

# Commands hear of a grant by message.
_TRIES, _PAUSE = 100, 0.3

# What a whole access with one statement is told by.
_KINDS = {"grant.asked", "grant.approved", "grant.ended", "statement.asked", "statement.shown"}

_NEWEST_SEALED = """
SELECT statement_id FROM staff_reads WHERE workspace_id = $1 AND leaf_id IS NOT NULL ORDER BY told_at DESC LIMIT 1
"""


async def staff_log_verifies(system: System) -> Verdict:
    """Somebody of our staff looks in, by the commands that there are: all of it is in the log, which verifies; admins see the same."""
    grant = await _looked_in(system)
    person = system.person()
    keys = [verifier.read_key(line) for line in (await person.call("GET", "/audit/log/keys")).text.splitlines()]
    told = f'"grant":"{grant}"'
    export = await until(
        lambda: person.call("GET", "/api/v1/audit/log/export"),
        lambda answer: answer.is_success and answer.text.count(told) >= len(_KINDS),
        "what staff has done does not come into the log",
    )
    report = verifier.check(export.text.split("\n")[:-1], keys)
    problems = [f"the log of the workspace: {finding}" for finding in report.findings]
    ours = [step for step in report.steps if step["grant"] == grant]
    if {step["kind"] for step in ours} != _KINDS:
        problems.append(f"the log tells of {', '.join(sorted(step['kind'] for step in ours))} alone")
    shown = await _shown(system, grant)
    sealed = {step["what"]["statement"] for step in ours if step["kind"] == "statement.asked"}
    if {one["id"] for one in shown} != sealed:
        problems.append("admins are shown other statements than the log has")
    return Verdict({"steps verified": len(report.steps), "leaves": _size(report)}, tuple(problems))


def _size(report: verifier.Report) -> int:
    return report.checkpoint.size if report.checkpoint else 0


async def _shown(system: System, grant: str) -> list[Json]:
    page = await system.person().json("GET", f"/api/v1/audit/staff-access/{grant}/statements")
    statements: list[Json] = page["statements"]
    return statements


async def _looked_in(system: System) -> str:
    """Ask, have it approved, look at the plan, end it; the grant's id. Raises JourneyFailed."""
    workspace = _id(system)
    terms = ("--service", "analysis", "--reason", "support", "--ticket", "SUP-412", "--minutes", "10")
    grant = (await _command(system, _ADA, "audit", "grant", workspace, *terms)).strip()
    await _command(system, _GRACE, "audit", "approve", workspace, grant, "--yes")
    for tried in range(_TRIES):
        try:
            await _command(system, _ADA, "analysis", "ask", workspace, grant, "plan")
            break
        except JourneyFailed:
            if tried == _TRIES - 1:
                raise
            await asyncio.sleep(_PAUSE)
    await _command(system, _GRACE, "audit", "revoke", workspace, grant)
    return grant


async def _command(system: System, who: str, service: str, *arguments: str) -> str:
    """The output of `<service> staff …`, run by `who`. Raises JourneyFailed."""
    stack = system.stack
    token = PushSigner(stack.settings.directory / "broker", SystemClock()).token(STAFF_AUDIENCE, who)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service, "staff", *arguments),
        env=stack.service_environment(service) | {"CALLMINE_STAFF_IDENTITY_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await child.communicate()
    if child.returncode:
        raise JourneyFailed(f"{service} staff {arguments[0]}: {errors.decode()[-500:]}")
    return output.decode()


def _id(system: System) -> str:
    return f"org_{system.ours.workspace}01"


@asynccontextmanager
async def statement_left_out(system: System) -> AsyncIterator[None]:
    """The steps of the newest statement are gone within the block, as whoever holds the database could have them."""
    workspace = _id(system)
    async with system.admin("audit") as database:
        statement = await database.fetchval(_NEWEST_SEALED, workspace)
        assert statement, "somebody of our staff has looked in"
        await database.execute("SET session_replication_role = replica")
        some = "FROM staff_reads WHERE workspace_id = $1 AND statement_id = $2"
        rows = await database.fetch(f"SELECT * {some}", workspace, statement)
        await database.execute(f"DELETE {some}", workspace, statement)
        try:
            yield
        finally:
            places = ", ".join(f"${number}" for number in range(1, len(rows[0]) + 1))
            add = f"INSERT INTO staff_reads ({', '.join(rows[0].keys())}) VALUES ({places})"
            await database.executemany(add, [tuple(row) for row in rows])


CHECKS: Checks = {"staff-log-verifies": staff_log_verifies}
MUTANTS: Mutants = {"statement-left-out": Mutant("staff-log-verifies", statement_left_out)}

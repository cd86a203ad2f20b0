"""P5: every admin action is on record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from audit.domain import EntryType
from audit.verify import callmine_verify as verifier
from local.journey import Json, until
from promises.system import Checks, Mutant, Mutants, System, Verdict

PROMISED = frozenset(
    {
        "integration.connected",
        "integration.disconnected",
        "member.invited",
        "member.added",
        "member.removed",
        "member.role_changed",
        "billing.plan_changed",
        "billing.addon_purchased",
        "billing.payment_failed",
        "schedule.created",
        "schedule.edited",
        "schedule.deleted",
        "report.exported",
        "workspace.updated",
    }
)

_PAGE = 3

_NEWEST_SEALED = """
SELECT id FROM entries WHERE workspace_id = $1 AND type = 'integration.connected' ORDER BY occurred_at LIMIT 1
"""


async def log_verifies(system: System) -> Verdict:
    """With the file that customers are given, and the keys that are published."""
    person = system.person()
    keys = [verifier.read_key(line) for line in (await person.call("GET", "/audit/log/keys")).text.splitlines()]
    export = await until(
        lambda: person.call("GET", "/api/v1/audit/log/export"), lambda a: a.is_success, "the log cannot be exported"
    )
    report = verifier.check(export.text.splitlines(), keys)
    problems = [f"the log of the workspace: {finding}" for finding in report.findings]
    try:
        head = verifier.read_checkpoint((await person.call("GET", "/audit/log/checkpoint")).text, keys)
    except (verifier.Refuted, verifier.Unreadable) as error:
        return Verdict({}, (*problems, f"the global log's head: {error}"))
    sealed = report.checkpoint.size if report.checkpoint else 0
    if not sealed:
        problems.append("nothing is sealed in the log")
    figures: dict[str, int | float | str] = {
        "entries verified": sealed,
        "checkpoints in the global log": head.size,
        "global head": head.root.hex(),
    }
    return Verdict(figures, tuple(problems))


async def actions_are_told(system: System) -> Verdict:
    """What the main job did, as an admin reads it."""
    person = system.person()
    wanted = {"integration.connected", "member.added", "report.exported"}
    every = await _settled(system)
    problems = [f"{kind} was done and is not in the log" for kind in sorted(wanted - {one["type"] for one in every})]
    problems += [f"{one['id']} lacks its actor, time or diff" for one in every if not _whole(one)]
    if {kind.value for kind in EntryType} != PROMISED:
        problems.append("the types of the log are not the fourteen")
    filtered = (await person.json("GET", "/api/v1/audit?type=member.added&size=200"))["entries"]
    if _ids(filtered) != [one["id"] for one in every if one["type"] == "member.added"]:
        problems.append("the filter by type gives something else than the whole log does")
    if await _paged(system) != _ids(every):
        problems.append("the pages give something else than the whole log does")
    return Verdict({"entries": len(every), "types": len(EntryType)}, tuple(problems))


async def _settled(system: System) -> list[Json]:
    """All entries, newest first, once no more come in: what other checks did is told within a second."""
    every: list[Json] = []
    for _ in range(20):
        before = _ids(every)
        every = (await system.person().json("GET", "/api/v1/audit?size=200"))["entries"]
        if _ids(every) == before:
            break
        await asyncio.sleep(1.0)
    return every


def _whole(entry: Json) -> bool:
    actor = entry["actor"]
    told = entry["type"] == "report.exported" or entry["diff"]
    return bool(actor["kind"] and actor["id"] and entry["occurred_at"] and told)


def _ids(entries: list[Json]) -> list[str]:
    return [one["id"] for one in entries]


async def _paged(system: System) -> list[str]:
    """All ids, in pages of a few."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await system.person().json("GET", "/api/v1/audit", params={"size": _PAGE, "cursor": cursor})
        found += _ids(page["entries"])
        cursor = page["next_cursor"]
    return found


@asynccontextmanager
async def entry_edited(system: System) -> AsyncIterator[None]:
    workspace = f"org_{system.ours.workspace}01"
    async with system.admin("audit") as database:
        # Past row security, triggers and rights, as whoever holds the database could.
        await database.execute("SET session_replication_role = replica")
        entry = await database.fetchval(_NEWEST_SEALED, workspace)
        change = "UPDATE entries SET actor_email = $3 WHERE workspace_id = $1 AND id = $2 RETURNING actor_email"
        before = await database.fetchval("SELECT actor_email FROM entries WHERE id = $1", entry)
        await database.execute(change, workspace, entry, "somebody.else@harborline.example")
        try:
            yield
        finally:
            await database.execute(change, workspace, entry, before)


@asynccontextmanager
async def entry_removed(system: System) -> AsyncIterator[None]:
    async with _without(system, "integration.connected"):
        yield


@asynccontextmanager
async def action_not_told(system: System) -> AsyncIterator[None]:
    async with _without(system, "member.added"):
        yield


@asynccontextmanager
async def _without(system: System, kind: str) -> AsyncIterator[None]:
    """The workspace's entries of a type are gone within the block."""
    workspace = f"org_{system.ours.workspace}01"
    async with system.admin("audit") as database:
        await database.execute("SET session_replication_role = replica")
        some = "FROM entries WHERE workspace_id = $1 AND type = $2"
        rows = await database.fetch(f"SELECT * {some}", workspace, kind)
        await database.execute(f"DELETE {some}", workspace, kind)
        try:
            yield
        finally:
            places = ", ".join(f"${number}" for number in range(1, len(rows[0]) + 1))
            names = ", ".join(rows[0].keys())
            await database.executemany(f"INSERT INTO entries ({names}) VALUES ({places})", [tuple(row) for row in rows])


CHECKS: Checks = {"log-verifies": log_verifies, "actions-are-told": actions_are_told}
MUTANTS: Mutants = {
    "entry-edited": Mutant("log-verifies", entry_edited),
    "entry-removed": Mutant("log-verifies", entry_removed),
    "action-not-told": Mutant("actions-are-told", action_not_told),
}

"""How PostgreSQL runs each tenant statement: an index has to lead to the workspace's rows, in the generic plan and in a custom one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast

from database import MigrationSettings, Queries, Statement, migrate
from database.queries import SCOPE_PARAMETER
from isolation.cost.fill import fill, made_up, workspace
from isolation.cost.ledger import into
from local.postgres import ServiceDsns, drop, provision
from local.postgres.connection import Connection, connected
from testkit.postgres import PASSWORDS, ROOT, migration_folders

SERVICES = {
    "analysis": "analysis",
    "audit": "audit",
    "credential-vault": "credential_vault",
    "ingest": "ingest",
    "retention": "retention",
}
MODES = ("force_generic_plan", "force_custom_plan")

Node: TypeAlias = "dict[str, str | list[Node]]"

# A value that is there in the filled tables, neither the first nor the last.
_SOME = "3"
_INDEX = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
_BITMAPS = ("Bitmap Heap Scan", "BitmapAnd", "BitmapOr")
_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Sample Scan", "Tid Scan", "Tid Range Scan")


# Indexes that begin with something else, whose keys are the workspace's own all the same.
_BY_THEIR_KEYS = {"report_findings_words": "each lexeme carries a mark of its workspace (docs/search.md)"}


@dataclass(slots=True)
class Looked:
    """How many plans were looked at, and what was found; `excluded` are statements that look nothing up."""

    plans: int = 0
    without_index: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judge:
    """Looks at plans: which tables are tenants', which partitions they have, and which indexes begin with the workspace."""

    tables: frozenset[str]
    indexes: frozenset[str]
    partitions: Mapping[str, str] = field(default_factory=dict)

    def scans(self, node: Node) -> Iterator[str]:
        """What is wrong with each scan of a tenant table, "" when an index leads to the workspace's rows."""
        scanned, kind = str(node.get("Relation Name", "")), str(node["Node Type"])
        relation = self.partitions.get(scanned, scanned)
        if relation in self.tables and kind in _SCANS:
            yield "" if self._leads(node) else f"{kind} of {relation} without workspace_id in an index condition"
        for child in _children(node):
            yield from self.scans(child)

    def _leads(self, node: Node) -> bool:
        """Whether nothing but the workspace's rows is read: one of two bitmaps that are ANDed will do, of two ORed ones it takes both."""
        kind = node["Node Type"]
        if kind in _INDEX and node["Index Name"] in _BY_THEIR_KEYS:
            return bool(node.get("Index Cond"))
        if kind in _INDEX:
            return node["Index Name"] in self.indexes and "workspace_id = " in str(node.get("Index Cond", ""))
        if kind == "Tid Scan":
            # Of the places that a part of the same statement has found, which is looked at by itself.
            return "InitPlan" in str(node.get("TID Cond", "")) and "workspace_id = " in str(node.get("Filter", ""))
        if kind not in _BITMAPS:
            return False
        # A sub-plan of the filter hangs on the node as well: it finds no rows of this scan, and is looked at by itself.
        inputs = [child for child in _children(node) if child.get("Parent Relationship") not in ("SubPlan", "InitPlan")]
        bitmaps = [self._leads(child) for child in inputs]
        return any(bitmaps) if kind == "BitmapAnd" else all(bitmaps)


def _children(node: Node) -> list[Node]:
    return cast("list[Node]", node.get("Plans", []))


def own_queries() -> Queries:
    """What the fill and the look ask the catalog."""
    return Queries.load(Path(__file__).parent / "queries")


def statements_of(service: str) -> Queries:
    """What the service loads at its start."""
    folder = ROOT / "services" / service / SERVICES[service]
    libraries = (ROOT / "libs" / name / name for name in ("database", "messaging"))
    return Queries.load(*(place / "queries" for place in (*libraries, folder)))


async def look(admin_url: str, service: str, rows: int, looked: Looked, changes: Sequence[str] = ()) -> None:
    """Plan every tenant statement of one service over filled tables. `changes` are made to the database first, to see that they show."""
    name = f"proof-plans-{service}"
    dsns = await provision(admin_url, service, PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders(service)))
        async with connected(into(admin_url, dsns.app)) as oracle:
            for change in changes:
                await oracle.execute(change)
            tables = await fill(oracle, own_queries(), rows)
            indexes = await oracle.fetch(own_queries()["indexes_by_workspace"].sql)
            partitions = await oracle.fetch(own_queries()["partitions"].sql)
        parents = {row["partition"]: row["relation"] for row in partitions}
        await _look(dsns, service, Judge(tables, frozenset(row["name"] for row in indexes), parents), looked)
    finally:
        await drop(admin_url, name)


async def _look(dsns: ServiceDsns, service: str, judge: Judge, looked: Looked) -> None:
    async with connected(dsns.app) as app:
        await app.execute(f"SELECT set_config('app.workspace_id', '{workspace(7)}', false)")
        await app.execute("SELECT set_config('app.report_floor', '-infinity', false)")
        for statement in statements_of(service):
            # A SET has no plan.
            if not statement.crosses_workspaces and not statement.sql.startswith("SET LOCAL"):
                await _look_at(app, service, statement, judge, looked)


async def _look_at(app: Connection, service: str, statement: Statement, judge: Judge, looked: Looked) -> None:
    for mode in MODES:
        scans = list(judge.scans(await plan_of(app, statement, mode)))
        if not scans:
            looked.excluded.append(f"{service}: {statement.name} looks nothing up in a tenant table")
            return
        looked.plans += 1
        if wrong := [text for text in scans if text]:
            looked.without_index.append(f"{service}: {statement.name} ({mode}): {'; '.join(wrong)}")


async def plan_of(app: Connection, statement: Statement, mode: str) -> Node:
    """The plan of a named statement, with values in place of its parameters in a custom one."""
    await app.execute(f"SET plan_cache_mode = {mode}")
    await app.execute(f"PREPARE planned AS {statement.sql}")
    try:
        types: Sequence[str] = await app.fetchval(own_queries()["parameter_types"].sql)
        values = [_given(name, kind) for name, kind in zip(statement.parameters, types, strict=True)]
        call = f"planned({', '.join(values)})" if values else "planned"
        found: str = await app.fetchval(f"EXPLAIN (FORMAT json) EXECUTE {call}")
    finally:
        await app.execute("DEALLOCATE planned")
    return cast(Node, json.loads(found)[0]["Plan"])


def _given(name: str, kind: str) -> str:
    return f"'{workspace(7)}'" if name == SCOPE_PARAMETER else made_up(kind, _SOME)

"""Fills a database for a workspace: a canary in every column of text, JSON or bytes that the live catalog has, whatever table it is in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import asyncpg
import yaml

from house.projects import ROOT

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

SHARED = ROOT / "libs/messaging/messaging/migrations/erasure.yaml"

_CHECKS = """
SELECT conrelid::regclass::text AS relation, conname AS name, pg_get_constraintdef(oid) AS rule FROM pg_constraint
WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conislocal
"""

# A list of words, or one alone.
_ONE_OF = re.compile(r"CHECK \(\((\w+) = (?:ANY \(ARRAY\[)?'([^']+)'::text.*")

# Ordinary and partitioned tables with a workspace; of what is partitioned the partitions hold the rows.
_COLUMNS = """
SELECT c.relname AS relation, a.attname AS name, format_type(a.atttypid, NULL) AS type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace AND a.attname <> 'workspace_id'
  AND EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id' AND NOT w.attisdropped)
ORDER BY c.relname, a.attnum
"""

# What holds words: each gets a canary. `?` is its place.
_HOLDING = {
    "text": "?",
    "character varying": "?",
    "jsonb": "to_jsonb(?::text)",
    "json": "to_json(?::text)",
    "bytea": "convert_to(?, 'UTF8')",
    "text[]": "ARRAY[?]",
    "bytea[]": "ARRAY[convert_to(?, 'UTF8')]",
    "tsvector": "to_tsvector('simple', ?)",
}

# What does not. Times are ahead: where services run, nothing is due for their workers yet, and nothing so old that it is tidied away.
_PLAIN = {
    "uuid": "gen_random_uuid()",
    "timestamp with time zone": "now() + interval '20 days'",
    "date": "current_date",
    "boolean": "true",
    "timestamp with time zone[]": "ARRAY[now() + interval '20 days']",
    "uuid[]": "ARRAY[]::uuid[]",
    "bigint[]": "ARRAY[]::bigint[]",
    "integer[]": "ARRAY[]::integer[]",
}


class NotFilled(Exception):
    """A column of a kind that nobody has thought of: the proof does not begin."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The canaries of a workspace, by table and column; `staying` are those in columns that stay, by the rules."""

    going: Mapping[str, str]
    staying: Mapping[str, str]


def staying(service: str) -> frozenset[str]:
    """The columns, as table.column, that stay when a workspace is erased: those without words in tables that are kept or emptied."""
    return frozenset(
        f"{table}.{column}"
        for table, rule in _tables(service).items()
        if rule["end"] in {"kept", "emptied"}
        for column in rule.get("plain", ())
    )


def _tables(service: str) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for path in (SHARED, ROOT / f"services/{service}/migrations/erasure.yaml"):
        tables |= yaml.safe_load(path.read_text())["tables"]
    return tables


def kept(service: str) -> frozenset[str]:
    """The tables whose rows stay as they are when a workspace is erased."""
    return frozenset(name for name, rule in _tables(service).items() if rule["end"] == "kept")


async def let_anything_in(connection: Connection) -> Mapping[str, str]:
    """Drop the checks, and turn off keys and triggers for this session: canaries mean nothing.

    The columns, as table.column, that took one of a few words of the program alone, and so nobody else's: each with the first of them.
    """
    fixed: dict[str, str] = {}
    for row in await connection.fetch(_CHECKS):
        if found := _ONE_OF.fullmatch(row["rule"]):
            fixed[f"{row['relation']}.{found[1]}"] = found[2]
        await connection.execute(f'ALTER TABLE {row["relation"]} DROP CONSTRAINT IF EXISTS "{row["name"]}"')
    await connection.execute("SET session_replication_role = replica")
    return fixed


async def fill(
    connection: Connection,
    service: str,
    workspace_id: str,
    without: Collection[str] = (),
    fixed: Mapping[str, str] = MappingProxyType({}),
) -> Filled:
    """A row in each table of the workspace but those called in `without`; columns of `fixed` get what is said there. Raises NotFilled."""
    tables: dict[str, list[asyncpg.Record]] = {}
    for row in await connection.fetch(_COLUMNS):
        if row["relation"] not in without:
            tables.setdefault(row["relation"], []).append(row)
    stay = staying(service)
    going: dict[str, str] = {}
    left: dict[str, str] = {}
    for relation, columns in tables.items():
        names, values, canaries = ["workspace_id"], ["$1"], [workspace_id]
        for column in columns:
            place = f"{relation}.{column['name']}"
            names.append(f'"{column["name"]}"')
            if place in fixed:
                canaries.append(fixed[place])
                values.append(f"${len(canaries)}")
            elif column["type"] in _HOLDING:
                # Lower case and without marks, as full-text search keeps words.
                canary = f"canary{secrets.token_hex(12)}"
                (left if place in stay else going)[place] = canary
                canaries.append(canary)
                values.append(_HOLDING[column["type"]].replace("?", f"${len(canaries)}"))
            else:
                values.append(_made_up(place, column["type"], workspace_id))
        await _insert(connection, relation, names, values, canaries)
    return Filled(going, left)


async def _insert(
    connection: Connection, relation: str, names: Sequence[str], values: Sequence[str], canaries: Sequence[str]
) -> None:
    statement = f'INSERT INTO "{relation}" ({", ".join(names)}) OVERRIDING SYSTEM VALUE VALUES ({", ".join(values)})'
    await connection.execute(statement, *canaries)


def _made_up(place: str, kind: str, workspace_id: str) -> str:
    if kind in {"integer", "bigint", "smallint", "numeric", "double precision", "real"}:
        return str(1 + sum(workspace_id.encode()) % 20_000)
    if kind not in _PLAIN:
        raise NotFilled(f"{place} is of type {kind}: say in canaries.py what to put into it")
    return _PLAIN[kind]

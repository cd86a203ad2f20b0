"""Checks the statements that services were seen to run: each is accounted for, or it is a finding.

A captured text is one of four things: a named statement of its service, run by the role that it is for, which the checker passes; the
entry into a workspace, made of such statements; the control of a transaction; or what asyncpg asks about types on its own account.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from database import Queries, Statement
from database.checker import Catalog, check
from isolation.own_queries import is_of_asyncpg, is_transaction_control, reads_the_catalog_only

_ENTERS = "scope_set_enter"
_BEGIN = "BEGIN; "
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Captured:
    """A statement that ran: of which service, as which role, and what it was called there ("" when nobody had named it)."""

    service: str
    role: str
    text: str
    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A captured statement that cannot be accounted for. `outdated` when it was a named one in an older tree."""

    captured: Captured
    problem: str
    outdated: bool = False

    def __str__(self) -> str:
        """Service, role, problem, and the text."""
        text = " ".join(self.captured.text.split())
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
        return f"{self.captured.service or 'a service'} as {self.captured.role}: {self.problem}\n    {shown}"


def read(folder: Path) -> list[Captured]:
    """Every distinct statement in the files of `folder` and of the folders inside it."""
    lines = {line for path in sorted(folder.rglob("*.jsonl")) for line in _whole_lines(path)}
    found = {_captured(json.loads(line)) for line in lines}
    return sorted(found, key=lambda one: (one.service, one.role, one.text, one.file))


def _whole_lines(path: Path) -> list[str]:
    """A process that is killed may leave half a line, which no statement is known from."""
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _captured(record: Mapping[str, object]) -> Captured:
    named = record["statement"]
    described: Mapping[str, object] = named if isinstance(named, dict) else {}
    service, role, text = str(record["service"]), str(record["role"]), str(record["text"])
    return Captured(service, role, text, str(described.get("name", "")), str(described.get("file", "")))


def check_captured(
    captured: Iterable[Captured], catalogs: Mapping[str, Catalog], queries: Mapping[str, Queries]
) -> list[Finding]:
    """What cannot be accounted for, given the live catalog and the statements of each service; empty when all is in order."""
    return [finding for one in captured if (finding := _finding(one, catalogs, queries))]


def _finding(one: Captured, catalogs: Mapping[str, Catalog], queries: Mapping[str, Queries]) -> Finding | None:
    if one.service not in catalogs:
        known = ", ".join(sorted(catalogs))
        return Finding(
            one,
            f"there is no catalog of that name to check it against (there are: {known}). Open the Database with the service's "
            f"name; a test of statements that are no service's opens it under testkit.capture.unrecorded(reason)",
        )
    if is_transaction_control(one.text) or is_of_asyncpg(one.text):
        return None
    known_statements = queries[one.service]
    named = [statement for statement in known_statements if statement.sql == one.text]
    entry = named or _entry(one.text, known_statements)
    if entry:
        problems = [problem for each in entry for problem in _of_statement(one, each, catalogs[one.service])]
        return Finding(one, "; ".join(problems)) if problems else None
    if one.name:
        return Finding(
            one,
            f"{one.file} had this text as {one.name} and has it no more: run `make test` and `make demo` again",
            outdated=True,
        )
    return Finding(
        one,
        "raw SQL: no queries/*.sql of the service or its libraries has this text. Name it in queries/*.sql, and run it with "
        "tx.fetch(name)",
    )


def _of_statement(one: Captured, statement: Statement, catalog: Catalog) -> list[str]:
    problems = [str(problem) for problem in check(statement, catalog)]
    if statement.crosses_workspaces and one.role != "sweep" and not reads_the_catalog_only(statement.sql):
        problems.append(f"{statement.name} crosses workspaces and ran as {one.role}: only db.sweep() may run it")
    if not statement.crosses_workspaces and one.role != "app":
        problems.append(f"{statement.name} belongs to a workspace and ran as {one.role}: run it in db.workspace(…)")
    return problems


def _entry(text: str, queries: Queries) -> list[Statement]:
    """The statements that `text` enters a workspace with; none when it is not an entry."""
    rest = text.removeprefix(_BEGIN)
    parts: list[Statement] = []
    while rest:
        matching = [each for each in queries if rest == each.sql or rest.startswith(f"{each.sql}; ")]
        if not matching:
            return []
        longest = max(matching, key=lambda each: len(each.sql))
        parts.append(longest)
        rest = rest[len(longest.sql) :].removeprefix("; ")
    return parts if parts and parts[0].name == _ENTERS else []

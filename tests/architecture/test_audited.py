"""Every way in that may change a workspace's data says which audit entry tells of it, or why none does; checked against the code.

That a declared entry is made, with the right diff, is shown by each service's own tests; here nothing may be left out. SQL stands in
queries/*.sql and migrations alone, and every captured statement is one of those (tests/isolation/captured.py), so no write is overlooked
that a way in does not lead to.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pglast import ast, parse_sql

from architecture.audited import register
from architecture.audited.code import code_of, read
from architecture.audited.register import EVERYWHERE, MIGRATIONS, NOT_YET, WAYS_IN, Declared, Told, Untold
from architecture.audited.ways_in import SAFE, ways_in
from audit.domain import EntryType
from contracts.registry import SERVICES
from isolation.elsewhere.town import Route, Town, built, routes_of
from isolation.interference.surroundings import surroundings
from isolation.interference.world import opened
from testkit.postgres import ROOT
from testkit.tables import every_row

FOLDERS = {service: ROOT / "services" / service / service.replace("-", "_") for service in SERVICES}


@pytest.fixture(scope="module")
async def town(postgres_url: str) -> AsyncIterator[Town]:
    async with surroundings(postgres_url) as around, opened(around, "audited") as world:
        yield await built(world)


def declared(service: str, name: str) -> Declared | None:
    return WAYS_IN.get((service, name)) or EVERYWHERE.get(name)


def test_every_way_in_is_declared(town: Town) -> None:
    missing = [f"{service}: {name}" for service, name in sorted(ways_in(town.world)) if not declared(service, name)]
    assert missing == [], (
        "say in tests/architecture/audited/register.py which audit entry tells of what these change, or why none does"
    )


def test_every_declaration_is_needed(town: Town) -> None:
    found = {*ways_in(town.world), *((route.service, f"GET {route.path}") for route in gets(town))}
    assert [entry for entry in WAYS_IN if entry not in found] == []
    assert {name for name in EVERYWHERE if name not in {name for _, name in found}} <= _OFF_IN_TESTS


# Served only where an operators' account is named.
_OFF_IN_TESTS = {name for name in EVERYWHERE if "/operator/" in name}


def test_what_is_declared_as_told_can_be_told_by_the_code_behind_it(town: Town) -> None:
    wrong: list[str] = []
    for (service, name), behind in sorted(ways_in(town.world).items()):
        found = declared(service, name)
        if isinstance(found, Told):
            reached = code_of(FOLDERS[service]).reached(behind)
            wrong += [f"{service}: {name} never tells {kind}" for kind in found.types if kind not in reached]
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_tells_what_its_ways_in_declare_and_nothing_else(service: str) -> None:
    kinds = {
        kind for (whose, _), one in WAYS_IN.items() if whose == service and isinstance(one, Told) for kind in one.types
    }
    in_code = code_of(FOLDERS[service]).all_types
    assert in_code == kinds


def test_all_fourteen_types_are_told_and_no_fifteenth() -> None:
    kinds = {kind for one in WAYS_IN.values() if isinstance(one, Told) for kind in one.types}
    assert kinds | set(NOT_YET) == {kind.value for kind in EntryType}
    assert kinds & set(NOT_YET) == set(), "take it out of NOT_YET"
    assert len(EntryType) == 14


def test_every_reason_says_something() -> None:
    reasons = [
        one.reason for one in (*WAYS_IN.values(), *EVERYWHERE.values(), *MIGRATIONS.values()) if isinstance(one, Untold)
    ]
    assert [reason for reason in reasons if len(reason.split()) < 5] == []
    assert {value for value in vars(register).values() if isinstance(value, Untold)} <= {
        *WAYS_IN.values(),
        *EVERYWHERE.values(),
        *MIGRATIONS.values(),
    }


def writes_rows(path: Path) -> bool:
    """Whether a migration changes rows of tables, by itself or inside a block of code."""
    text = path.read_text()
    kinds = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.TruncateStmt, ast.CopyStmt)
    for raw in parse_sql(text):
        if isinstance(raw.stmt, kinds):
            return True
        if isinstance(raw.stmt, ast.DoStmt):
            code = " ".join(str(one.arg.sval) for one in raw.stmt.args or () if isinstance(one.arg, ast.String)).upper()
            if any(word in code for word in ("INSERT INTO", "DELETE FROM", "UPDATE ", "MERGE INTO", "TRUNCATE ")):
                return True
    return False


def test_every_migration_that_writes_rows_is_declared() -> None:
    found = {
        (service, f"{path.parent.name}/{path.name}")
        for service in SERVICES
        for path in (ROOT / "services" / service / "migrations").glob("*/*.sql")
        if writes_rows(path)
    }
    assert found == set(MIGRATIONS)


def gets(town: Town) -> list[Route]:
    """Routes that read, or should."""
    return [route for route in routes_of(town.world) if route.method in SAFE]


def path_of(town: Town, route: Route) -> str:
    """Its path, with ids of what the admin's workspace has."""
    return re.sub(r"{(\w+)[^}]*}", lambda named: str(getattr(town.mine, named[1], "gong")), route.path)


async def test_a_get_that_is_not_declared_changes_nothing(town: Town, postgres_url: str) -> None:
    """Each page and each answer of the API, as an admin, with ids of the admin's own workspace."""
    asked = 0
    for name, service in town.world.services.items():
        before = await every_row(postgres_url, service.dsns)
        reading = [one for one in gets(town) if one.service == name and (name, f"GET {one.path}") not in WAYS_IN]
        for route in reading:
            for way in ("browser", "program"):
                await town.client(name, "admin", way).get(path_of(town, route))
                asked += 1
        assert await every_row(postgres_url, service.dsns) == before, name
    assert asked > 50


def test_calls_are_followed_by_name_to_the_types_they_tell() -> None:
    table = "KINDS = {1: E.ADMIN_ACTION_TYPE_MEMBER_ADDED}\n\ndef route(): return handlers.change(1)\n"
    handlers = """
class Handlers:
    def change(self, one): self._tell(one)
    def _tell(self, one): return KINDS[one]
def other(): return E.ADMIN_ACTION_TYPE_MEMBER_ROLE_CHANGED
"""
    code = read([table, handlers])
    assert code.reached("route") == {"member.added"}
    assert code.reached("other") == {"member.role_changed"}
    assert code.reached("nobody") == set()


def test_a_migration_that_writes_is_found(tmp_path: Path) -> None:
    for text, writes in (
        ("CREATE TABLE t (a int);", False),
        ("GRANT INSERT ON t TO r;", False),
        ("UPDATE t SET a = 1;", True),
        ("DO $$ BEGIN EXECUTE 'DELETE FROM t'; END $$;", True),
        ("DO $$ BEGIN NULL; END $$;", False),
    ):
        path = tmp_path / "one.sql"
        path.write_text(text)
        assert writes_rows(path) is writes, text

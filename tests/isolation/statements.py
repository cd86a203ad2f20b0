"""All statements: those that are written down, and those that were seen to run while the tests, the demo and this proof ran."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from chaos.harness import Plan
from contracts.registry import SERVICES
from database import Queries
from database.checker import Catalog, check
from database.checker.catalog import SYSTEM_SCHEMAS
from isolation import Part
from isolation.captured import check_captured, read
from isolation.own_queries import reads_the_catalog_only
from isolation.reference import STAND_IN, live_catalogs, queries_of

CAPTURED = Path(__file__).resolve().parents[2] / "build" / "captured"


async def measure(_: Plan, admin_url: str) -> Part:
    """Check every statement, view and function of every service, and every captured statement."""
    catalogs = await live_catalogs(admin_url, (*SERVICES, STAND_IN))
    queries = {service: queries_of(service) for service in catalogs}
    written = _written({service: queries[service] for service in SERVICES}, catalogs)
    captured = read(CAPTURED)
    findings = check_captured(captured, catalogs, queries)
    outdated = sum(finding.outdated for finding in findings)
    wrong = [finding for finding in findings if not finding.outdated]
    problems = [problem for found in written.values() for problem in found] + [str(finding) for finding in wrong]
    if len(captured) == outdated:
        problems.append("no statement has been captured: run `make test` or `make demo` first")
    figures = {
        "statements": len(written),
        "statements_checked": sum(not found for found in written.values()),
        "captured": len(captured) - outdated,
        "captured_checked": len(captured) - len(findings),
        "exceptions": len(_exceptions(queries[service] for service in SERVICES)),
    }
    return Part(figures, tuple(dict.fromkeys(problems)))


def _written(queries: Mapping[str, Queries], catalogs: Mapping[str, Catalog]) -> dict[str, list[str]]:
    """The problems of each statement, view and function; a library's statement is checked against every service's catalog."""
    found: dict[str, list[str]] = {}
    for service, statements in queries.items():
        for one in statements:
            problems = [str(problem) for problem in check(one, catalogs[service])]
            found.setdefault(f"{one.file}: {one.name}", []).extend(problems)
        for name, problem in of_catalog(catalogs[service]):
            found.setdefault(f"{service}: {name}", []).extend(problem)
    return found


def of_catalog(catalog: Catalog) -> Iterator[tuple[str, list[str]]]:
    """Views and functions: neither may act with the rights of the one who made it, for the row policies would not see who asks."""
    for view in catalog.relations.values():
        if view.definition is not None and view.schema not in SYSTEM_SCHEMAS:
            safe = view.kind == "view" and view.security_invoker
            yield f"view {view.name}", [] if safe else [f"{view.kind} {view.name} is not security_invoker: make it so"]
    for function in (one for same in catalog.functions.values() for one in same):
        safe = not function.security_definer
        name = f"function {function.name}"
        yield (
            name,
            [] if safe else [f"{name} is SECURITY DEFINER, so it acts past the row policies: make it an invoker's"],
        )


def _exceptions(queries: Iterable[Queries]) -> set[tuple[str, str]]:
    """The statements that may see rows of several workspaces, those of libraries once; not those that read the catalog only."""
    crossing = (one for statements in queries for one in statements if one.crosses_workspaces)
    return {(one.file, one.name) for one in crossing if not reads_the_catalog_only(one.sql)}

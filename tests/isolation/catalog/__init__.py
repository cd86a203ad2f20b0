"""What a migrated database must look like, read from its live catalog: the third and the fourth wall.

    assert await problems(connection, "audit") == []

Each check answers with findings. A finding that `exceptions.EXCEPTIONS` names, with a reason, is excused; `excused` tells which entries
were needed, so that one that no longer is can be found. Any role may read the catalog: `connection` needs no rights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog import code, columns, database, foreign_keys, grants, indexes, objects, policies, roles, system
from isolation.catalog.columns import tenant_tables
from isolation.catalog.exceptions import EXCEPTIONS, Exempt
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

__all__ = ["EXCEPTIONS", "Exempt", "Finding", "Roles", "excused", "problems", "tenant_tables"]

CHECKS = (columns, policies, indexes, foreign_keys, grants, code, objects, database, roles, system)


async def problems(connection: Connection, service: str) -> list[str]:
    """Everything that is wrong with the database of `service`, by the catalog that `connection` sees."""
    found = await _findings(connection, service)
    return sorted({str(finding) for finding in found if _exemption(service, finding) is None})


async def excused(connection: Connection, service: str) -> set[Exempt]:
    """The entries of EXCEPTIONS that the database of `service` needs."""
    found = await _findings(connection, service)
    return {entry for finding in found if (entry := _exemption(service, finding)) is not None}


async def _findings(connection: Connection, service: str) -> list[Finding]:
    names = Roles.of(service)
    return [finding for check in CHECKS for finding in await check.findings(connection, names)]


def _exemption(service: str, finding: Finding) -> Exempt | None:
    entries = (Exempt(name, finding.subject, finding.what) for name in (service, "*"))
    return next((entry for entry in entries if entry in EXCEPTIONS), None)

"""One database per service, with the roles that may enter it.

`<db>_owner` owns the schema and runs migrations; `<db>_app` is what the service runs as; `<db>_sweep` runs the few
statements that cross workspaces; `<db>_staff`, where somebody of our staff may look in under a grant, reads. None of them is a superuser
or bypasses row-level security, and all but the first get nothing by default: migrations grant explicitly.
"""

import logging
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from local.postgres.connection import Connection, connected
from local.postgres.restrictions import is_superuser, kinds, restrict_database, restrict_schema, restrict_system

log = logging.getLogger(__name__)

_SERVICE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{16,128}")


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """The roles' passwords. The caller makes and keeps them: URL-safe, at least 16 characters; `staff` only where there is such a role."""

    owner: str
    app: str
    sweep: str
    staff: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class ServiceDsns:
    """Where each role connects; `staff` is empty where there is no such role. A DSN holds a password: it is never logged."""

    owner: str
    app: str
    sweep: str
    staff: str = ""


def database_name(service: str) -> str:
    """`credential-vault` -> `credential_vault`."""
    if not _SERVICE.fullmatch(service):
        raise ValueError(f"{service!r} is not a service name: lower-case words joined by hyphens.")
    return service.replace("-", "_")


async def provision(admin_dsn: str, service: str, passwords: Passwords, name: str | None = None) -> ServiceDsns:
    """Creates what is missing and sets passwords and rights; running it again changes nothing else.

    An administrator that is no superuser cannot close the system's own functions (see restrictions.py): a warning says how many stay open.

    `name` gives the database another name than the service's, with the same roles (for tests).
    """
    prefix, database = database_name(service), database_name(name or service)
    roles = {f"{prefix}_{kind}": getattr(passwords, kind) for kind in kinds(prefix)}
    async with connected(admin_dsn) as connection:
        for role, password in roles.items():
            await _ensure_role(connection, role, password)
        await _ensure_database(connection, database, prefix)
    async with connected(_dsn(admin_dsn, database)) as connection:
        await restrict_schema(connection, prefix)
        left = await restrict_system(connection, prefix)
    if left:
        log.warning(
            "the administrator is no superuser: %d functions that show other sessions stay open to %s_app", left, prefix
        )
    return _service_dsns(admin_dsn, database, prefix, passwords)


async def clone(
    admin_dsn: str, service: str, name: str, passwords: Passwords, template: str | None = None
) -> ServiceDsns:
    """Copies the service's database (or `template`), tables and all, to a database `name` with the same roles (for tests).

    The source must have no connections. Takes some 50 ms where migrating takes seconds.
    """
    prefix, source, target = database_name(service), database_name(template or service), database_name(name)
    async with connected(admin_dsn) as connection:
        await connection.execute(
            f'CREATE DATABASE "{target}" TEMPLATE "{source}" OWNER "{prefix}_owner" STRATEGY file_copy'
        )
        await restrict_database(connection, target, prefix)
    return _service_dsns(admin_dsn, target, prefix, passwords)


async def drop(admin_dsn: str, service: str) -> None:
    """Removes a database, ending its connections; the roles stay, other databases may use them."""
    async with connected(admin_dsn) as connection:
        await connection.execute(f'DROP DATABASE IF EXISTS "{database_name(service)}" WITH (FORCE)')


async def _ensure_role(connection: Connection, role: str, password: str) -> None:
    # Identifiers and passwords cannot be parameters of CREATE ROLE; both are limited to harmless characters instead.
    if not _PASSWORD.fullmatch(password):
        raise ValueError(f"The password of {role} must be 16 to 128 URL-safe characters.")
    known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    flags = "LOGIN NOINHERIT NOCREATEDB NOCREATEROLE"
    if not known or await is_superuser(connection):
        # Only a superuser may say these of a role that is there, even to take nothing away.
        flags += " NOSUPERUSER NOBYPASSRLS NOREPLICATION"
    await connection.execute(f"{'ALTER' if known else 'CREATE'} ROLE \"{role}\" {flags} PASSWORD '{password}'")


async def _ensure_database(connection: Connection, database: str, prefix: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        # An administrator that is no superuser (Cloud SQL) must be a member of the role it gives the database to.
        await connection.execute(f'GRANT "{prefix}_owner" TO CURRENT_USER')
        await connection.execute(f'CREATE DATABASE "{database}" OWNER "{prefix}_owner" ENCODING \'UTF8\'')
    await restrict_database(connection, database, prefix)


def _service_dsns(admin_dsn: str, database: str, roles: str, passwords: Passwords) -> ServiceDsns:
    return ServiceDsns(
        owner=_dsn(admin_dsn, database, f"{roles}_owner", passwords.owner),
        app=_dsn(admin_dsn, database, f"{roles}_app", passwords.app),
        sweep=_dsn(admin_dsn, database, f"{roles}_sweep", passwords.sweep),
        staff=_dsn(admin_dsn, database, f"{roles}_staff", passwords.staff) if "staff" in kinds(roles) else "",
    )


def _dsn(admin_dsn: str, database: str, user: str = "", password: str = "") -> str:
    """The administrator's DSN, pointed at another database and, if given, another user."""
    parts = urlsplit(admin_dsn)
    credentials, at, host = parts.netloc.rpartition("@")
    if user:
        credentials, at = f"{quote(user)}:{quote(password)}", "@"
    # urlunsplit drops an empty authority, which a DSN for a Unix socket has; hence by hand.
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{credentials}{at}{host}/{database}{query}"

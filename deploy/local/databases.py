"""Databases and roles of the services on Cloud SQL, where they log in as their own accounts, without passwords.

Each service's login is a member of the role that the policies are for; the roles themselves are as on one machine (`local.postgres`).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from local.postgres import Passwords, provision
from local.postgres.connection import connected
from local.postgres.provisioning import database_name
from messaging.topology import Topology

_TOPOLOGY = Path(__file__).resolve().parents[1] / "topology.yaml"


class Keeper(Protocol):
    """Where owners' addresses are kept: Secret Manager."""

    async def add_version(self, name: str, value: bytes) -> None:
        """Make `value` the newest version of the secret `name`."""
        ...


async def provide_databases(admin_url: str, host: str, project: str, keeper: Keeper) -> None:
    """Make what is missing, grant the roles to the logins of deploy/terraform/database.tf, and keep new addresses of the owners.

    `host` is the database's address as migrations reach it. Raises asyncpg's errors where the administrator may not do it.
    """
    for service, account in Topology.load(_TOPOLOGY).services.items():
        passwords = Passwords(*(secrets.token_urlsafe(32) for _ in range(4)))
        await provision(admin_url, service, passwords)
        name = database_name(service)
        async with connected(admin_url) as connection:
            for role, login in (("app", account), ("sweep", f"{account}-sweep")):
                await connection.execute(f'GRANT "{name}_{role}" TO "{login}@{project}.iam"')
        address = f"postgresql://{name}_owner:{quote(passwords.owner)}@{host}/{name}?sslmode=require"
        await keeper.add_version(f"{service}-owner-database-url", address.encode())

"""PostgreSQL from a wheel, and the databases and roles the services need on it.

    with EmbeddedPostgres.start(directory) as server:
        dsns = await provision(server.admin_dsn, "analysis", passwords)

`provision` works on any PostgreSQL 15 or later whose administrator may create databases and roles.
"""

from local.postgres.embedded import EmbeddedPostgres, PostgresFailed
from local.postgres.provisioning import Passwords, ServiceDsns, clone, drop, provision

__all__ = ["EmbeddedPostgres", "Passwords", "PostgresFailed", "ServiceDsns", "clone", "drop", "provision"]

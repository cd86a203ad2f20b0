"""What the walls between workspaces cost.

Each row is one of the audit service's hot queries over an audit log of 200 workspaces, one transaction after the other, in transactions a
second. Ours: `db.workspace(…)`, row policies, the scope entered together with BEGIN. The alternative: the usual way to combine row policies
with a pool, which sets the workspace for the session when a connection is taken and resets it when it is given back. The bound: the same
statement in BEGIN and COMMIT on a bare connection, as a role without policies; `autocommit` is that without the transaction, which takes
fewer round trips. `walls` is the time of our library with its walls over that of our library without any, with the interval that holds it
with 95 % confidence.
"""

from bench.isolation.rows import run

__all__ = ["run"]

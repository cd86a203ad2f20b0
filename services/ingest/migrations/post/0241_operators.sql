-- depends: 0240_operators
-- Operators' commands list workspaces by their ids: the role that reads over all of them sees no names.
SET lock_timeout = '3s';

REVOKE SELECT ON workspaces FROM ingest_sweep;
GRANT SELECT (workspace_id, timezone, created_at) ON workspaces TO ingest_sweep;

"""Ways to break the database's walls, each with the problem that must be found. Run on top of TABLE, as the owner; RESET ROLE means as the
administrator.
"""

from __future__ import annotations

from collections.abc import Mapping

SCOPED = "workspace_id = current_setting('app.workspace_id')"

TABLE = f"""
CREATE TABLE notes (workspace_id text NOT NULL, id uuid NOT NULL, body text, PRIMARY KEY (workspace_id, id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON notes TO audit_app USING ({SCOPED}) WITH CHECK ({SCOPED});
CREATE TABLE tags (workspace_id text NOT NULL, id uuid NOT NULL, note uuid, during int4range, PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, note) REFERENCES notes (workspace_id, id) ON DELETE CASCADE);
ALTER TABLE tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE tags FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON tags TO audit_app USING ({SCOPED} AND id IS NOT NULL);
CREATE POLICY added ON tags FOR INSERT TO audit_app WITH CHECK (note IS NOT NULL AND (current_setting('app.workspace_id') = workspace_id));
CREATE POLICY narrow ON tags AS RESTRICTIVE TO audit_app USING (note IS NOT NULL);
CREATE VIEW tagged WITH (security_invoker, security_barrier) AS SELECT workspace_id, id FROM tags;
CREATE FUNCTION shout(word text) RETURNS text LANGUAGE sql AS 'SELECT upper(word)';
CREATE FUNCTION safe() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS 'SELECT 1';
GRANT SELECT, INSERT (workspace_id, id) ON notes TO audit_app;
"""

_PROTECT = """
ALTER TABLE {0} ENABLE ROW LEVEL SECURITY; ALTER TABLE {0} FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON {0} TO audit_app USING (workspace_id = current_setting('app.workspace_id'));
"""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "not forced": ("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", "notes: row security is not enabled and forced"),
    "not enabled": ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "notes: row security is not enabled and forced"),
    "nullable": (
        "ALTER TABLE tags DROP CONSTRAINT tags_pkey; ALTER TABLE tags ALTER workspace_id DROP NOT NULL",
        "tags: workspace_id may be null",
    ),
    "no primary key": ("ALTER TABLE tags DROP CONSTRAINT tags_pkey", "tags: has no primary key"),
    "no workspace": ("CREATE TABLE shared (id int PRIMARY KEY)", "shared: has no workspace_id"),
    "elsewhere": ("CREATE SCHEMA more; CREATE TABLE more.shared (id int)", "more.shared: has no workspace_id"),
    "number": ("CREATE TABLE odd (workspace_id int PRIMARY KEY)", "odd: workspace_id is not text"),
    "default": ("ALTER TABLE notes ALTER workspace_id SET DEFAULT 'org_a'", "notes: workspace_id is made by the table"),
    "collation": (
        (
            "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
            " CREATE TABLE odd (workspace_id text COLLATE loose PRIMARY KEY)"
        ),
        "odd: workspace_id has a collation",
    ),
    "partition": (
        "CREATE TABLE parts (workspace_id text NOT NULL, id int, PRIMARY KEY (workspace_id, id)) PARTITION BY HASH (workspace_id);"
        + _PROTECT.format("parts")
        + "CREATE TABLE part PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "part: row security is not enabled and forced",
    ),
    "inheritance": (
        "CREATE TABLE child () INHERITS (notes); ALTER TABLE child ENABLE ROW LEVEL SECURITY; ALTER TABLE child FORCE ROW LEVEL SECURITY",
        "child: has no policy",
    ),
}

POLICIES: Mapping[str, tuple[str, str]] = {
    "none": ("DROP POLICY workspace ON notes", "notes: has no policy"),
    "restrictive only": (
        f"DROP POLICY workspace ON notes; CREATE POLICY workspace ON notes AS RESTRICTIVE TO audit_app USING ({SCOPED})",
        "notes: has no policy",
    ),
    "open": ("CREATE POLICY more ON notes TO audit_app USING (true)", "policy more lets audit_app see more"),
    "or": (
        f"CREATE POLICY more ON notes TO audit_app USING ({SCOPED} OR body = 'x')",
        "policy more lets audit_app see more",
    ),
    "and in or": (
        f"CREATE POLICY more ON notes TO audit_app USING (({SCOPED} AND id IS NOT NULL) OR body = 'x')",
        "policy more lets audit_app see more",
    ),
    "not": (f"CREATE POLICY more ON notes TO audit_app USING (NOT ({SCOPED}))", "policy more lets audit_app see more"),
    "other column": (
        "CREATE POLICY more ON notes TO audit_app USING (body = current_setting('app.workspace_id'))",
        "see more",
    ),
    "other setting": (
        "CREATE POLICY more ON notes TO audit_app USING (workspace_id = current_setting('app.tenant'))",
        "see more",
    ),
    "missing scope": (
        "CREATE POLICY more ON notes TO audit_app USING (workspace_id = current_setting('app.workspace_id', true))",
        "see more",
    ),
    "more than equal": (
        "CREATE POLICY more ON notes TO audit_app USING (workspace_id >= current_setting('app.workspace_id'))",
        "see more",
    ),
    "prefix": (
        "CREATE POLICY more ON notes TO audit_app USING (workspace_id ^@ current_setting('app.workspace_id'))",
        "see more",
    ),
    "constant": ("CREATE POLICY more ON notes TO audit_app USING (workspace_id = 'org_b')", "see more"),
    "select": (
        "CREATE POLICY more ON notes FOR SELECT TO audit_app USING (body <> '')",
        "policy more lets audit_app see more",
    ),
    "delete": (
        "CREATE POLICY more ON notes FOR DELETE TO audit_app USING (true)",
        "policy more lets audit_app see more",
    ),
    "update seen": (
        f"CREATE POLICY more ON notes FOR UPDATE TO audit_app USING (true) WITH CHECK ({SCOPED})",
        "see more",
    ),
    "update written": (
        f"CREATE POLICY more ON notes FOR UPDATE TO audit_app USING ({SCOPED}) WITH CHECK (true)",
        "policy more lets audit_app write into other workspaces",
    ),
    "insert": ("CREATE POLICY more ON notes FOR INSERT TO audit_app WITH CHECK (true)", "write into other workspaces"),
    "empty insert": ("CREATE POLICY more ON notes FOR INSERT TO audit_app", "policy more has no WITH CHECK"),
    "empty": ("CREATE POLICY more ON notes TO audit_app", "policy more has no USING"),
    "all written": (
        f"CREATE POLICY more ON notes TO audit_app USING ({SCOPED}) WITH CHECK (true)",
        "write into other workspaces",
    ),
    "for all roles": (f"CREATE POLICY more ON notes USING ({SCOPED})", "policy more is for ['public']"),
    "for both": (f"CREATE POLICY more ON notes TO audit_app, audit_sweep USING ({SCOPED})", "policy more is for"),
    "for the owner": (
        f"CREATE POLICY more ON notes TO audit_owner USING ({SCOPED})",
        "policy more is for ['audit_owner']",
    ),
    "sweep": (
        "CREATE POLICY more ON notes TO audit_sweep USING (true)",
        "notes: is open to the sweep role by policy more",
    ),
}

KEYS: Mapping[str, tuple[str, str]] = {
    "unique": ("CREATE UNIQUE INDEX bodies ON notes (body)", "notes: unique index bodies leaves workspace_id out"),
    "included": (
        "CREATE UNIQUE INDEX bodies ON notes (body) INCLUDE (workspace_id)",
        "notes: unique index bodies leaves workspace_id out",
    ),
    "part of it": (
        "CREATE UNIQUE INDEX bodies ON notes (left(workspace_id, 5), body)",
        "notes: unique index bodies leaves workspace_id out",
    ),
    "partial": (
        "CREATE UNIQUE INDEX bodies ON notes (body) WHERE workspace_id <> 'org_b'",
        "notes: unique index bodies leaves workspace_id out",
    ),
    "primary key": (
        "CREATE TABLE bare (id int PRIMARY KEY, workspace_id text NOT NULL)",
        "bare: unique index bare_pkey leaves",
    ),
    "exclusion": (
        "ALTER TABLE tags ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&)",
        "tags: unique index apart leaves workspace_id out",
    ),
    "foreign key": (
        (
            "ALTER TABLE notes ADD CONSTRAINT one UNIQUE (id);"
            " ALTER TABLE tags ADD CONSTRAINT across FOREIGN KEY (note) REFERENCES notes (id)"
        ),
        "tags: foreign key across leaves workspace_id out",
    ),
    "crossed pairs": (
        (
            "ALTER TABLE notes ADD COLUMN origin text NOT NULL, ADD CONSTRAINT two UNIQUE (origin, workspace_id);"
            " ALTER TABLE tags ADD COLUMN origin text NOT NULL,"
            " ADD CONSTRAINT across FOREIGN KEY (origin, workspace_id) REFERENCES notes (workspace_id, origin)"
        ),
        "tags: foreign key across leaves workspace_id out",
    ),
    "from a table for all": (
        "ALTER TABLE notes ADD CONSTRAINT one UNIQUE (id); CREATE TABLE shared (note uuid REFERENCES notes (id))",
        "shared: foreign key shared_note_fkey leaves workspace_id out",
    ),
    "not always checked": (
        "CREATE TABLE loose (workspace_id text, note uuid, FOREIGN KEY (workspace_id, note) REFERENCES notes)",
        "loose: foreign key loose_workspace_id_note_fkey is not checked where workspace_id is null",
    ),
    "moved by update": (
        "ALTER TABLE tags ADD CONSTRAINT moves FOREIGN KEY (workspace_id, note) REFERENCES notes ON UPDATE CASCADE",
        "tags: foreign key moves may move a row to another workspace",
    ),
    "moved by delete": (
        "ALTER TABLE tags ADD CONSTRAINT moves FOREIGN KEY (workspace_id, note) REFERENCES notes ON DELETE SET DEFAULT",
        "tags: foreign key moves may move a row to another workspace",
    ),
    "not valid": (
        "ALTER TABLE tags ADD CONSTRAINT lax FOREIGN KEY (workspace_id, note) REFERENCES notes NOT VALID",
        "tags: foreign key lax is not enforced for all rows",
    ),
    "switched off": ("RESET ROLE; ALTER TABLE tags DISABLE TRIGGER ALL", "tags: a trigger of a foreign key is off"),
}

GRANTS: Mapping[str, tuple[str, str]] = {
    "truncate": ("GRANT TRUNCATE ON notes TO audit_app", "notes: audit_app may TRUNCATE"),
    "references": ("GRANT REFERENCES (body) ON notes TO audit_sweep", "notes: audit_sweep may REFERENCES body"),
    "trigger": ("GRANT TRIGGER ON notes TO audit_app", "notes: audit_app may TRIGGER"),
    "maintain": ("GRANT MAINTAIN ON notes TO audit_app", "notes: audit_app may MAINTAIN"),
    "to all": ("GRANT SELECT ON notes TO PUBLIC", "notes: public may SELECT"),
    "column to all": ("GRANT SELECT (body) ON notes TO PUBLIC", "notes: public may SELECT body"),
    "to another": ("GRANT SELECT ON notes TO pg_monitor", "notes: pg_monitor may SELECT"),
    "passed on": (
        "GRANT SELECT ON notes TO audit_app WITH GRANT OPTION",
        "notes: audit_app may SELECT and may pass that on",
    ),
    "sequence": (
        "CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO audit_app",
        "numbers: audit_app may USAGE: the numbers of a sequence tell",
    ),
    "moving rows": ("GRANT UPDATE ON notes TO audit_sweep", "notes: audit_sweep may UPDATE: it could move rows"),
    "moving rows by column": (
        "GRANT UPDATE (workspace_id) ON notes TO audit_sweep",
        "notes: audit_sweep may UPDATE workspace_id: it could move rows",
    ),
}

CODE: Mapping[str, tuple[str, str]] = {
    "view of the owner": (
        "ALTER VIEW tagged SET (security_invoker = off)",
        "tagged: is a view that is not security_invoker",
    ),
    "leaky view": ("ALTER VIEW tagged RESET (security_barrier)", "tagged: is a view that is not security_barrier"),
    "materialized view": ("CREATE MATERIALIZED VIEW kept AS SELECT * FROM notes", "kept: is a materialized view"),
    "definer": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "f(): is SECURITY DEFINER without a search_path",
    ),
    "definer with a temporary schema first": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT 1'",
        "f(): is SECURITY DEFINER without a search_path",
    ),
    "definer with its caller's schema": (
        'ALTER FUNCTION safe() SET search_path = "$user", public, pg_temp',
        "safe(): is SECURITY DEFINER without a search_path",
    ),
    "called by all": ("GRANT EXECUTE ON FUNCTION shout TO PUBLIC", "shout(text): may be called by ['public']"),
    "leakproof": ("RESET ROLE; ALTER FUNCTION shout LEAKPROOF", "shout(text): is LEAKPROOF"),
    "scope set": ("RESET ROLE; ALTER FUNCTION shout SET app.workspace_id = 'org_b'", "shout(text): changes settings"),
    "row security off": ("RESET ROLE; ALTER FUNCTION shout SET row_security = off", "shout(text): changes settings"),
    "internal function": (
        "RESET ROLE; CREATE FUNCTION f(text) RETURNS text LANGUAGE internal AS 'upper'; REVOKE ALL ON FUNCTION f FROM PUBLIC",
        "f(text): is written in internal",
    ),
    "trigger": (
        (
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            " CREATE TRIGGER copy BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION t()"
        ),
        "notes: has a trigger copy",
    ),
    "rule": ("CREATE RULE copy AS ON INSERT TO notes DO ALSO NOTHING", "notes: has a rule copy"),
    "publication": ("RESET ROLE; CREATE PUBLICATION out FOR TABLE notes", "out: is a publication"),
    "large object": ("RESET ROLE; SELECT lo_create(0)", "belongs to no workspace"),
    "statistics": ("CREATE STATISTICS pairs ON id, body FROM notes", "pairs: keeps statistics of several columns"),
    "event trigger": (
        (
            "RESET ROLE; CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
            " CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION e()"
        ),
        "watch: is an event trigger",
    ),
}

DATABASE: Mapping[str, tuple[str, str]] = {
    "database of another": ("RESET ROLE; ALTER SCHEMA public OWNER TO pg_database_owner", "schema public: belongs to"),
    "create here": ("GRANT CREATE ON SCHEMA public TO audit_app", "schema public: audit_app may CREATE"),
    "create in the system's": (
        "RESET ROLE; GRANT CREATE ON SCHEMA pg_catalog TO audit_sweep",
        "schema pg_catalog: audit_sweep may CREATE",
    ),
    "schema for all": ("GRANT USAGE ON SCHEMA public TO PUBLIC", "schema public: public has USAGE"),
    "new schema": ("CREATE SCHEMA more; GRANT ALL ON SCHEMA more TO audit_app", "schema more: audit_app may CREATE"),
    "functions by default": (
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        "audit_owner: makes functions that everybody may use by default",
    ),
    "tables by default": (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO audit_app",
        "audit_owner: grants SELECT on what it makes (kind r) to audit_app by default",
    ),
    "code sent along": (
        "RESET ROLE; GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC",
        "language plpgsql: audit_app may write code in it",
    ),
}

ROLES: Mapping[str, tuple[str, str]] = {
    "superuser": ("RESET ROLE; ALTER ROLE audit_app SUPERUSER", "audit_app: is a superuser"),
    "bypass": ("RESET ROLE; ALTER ROLE audit_sweep BYPASSRLS", "audit_sweep: has BYPASSRLS"),
    "create databases": ("RESET ROLE; ALTER ROLE audit_app CREATEDB", "audit_app: may create databases"),
    "create roles": ("RESET ROLE; ALTER ROLE audit_owner CREATEROLE", "audit_owner: may create roles"),
    "replicate": ("RESET ROLE; ALTER ROLE audit_app REPLICATION", "audit_app: may replicate"),
    "member of the owner": ("RESET ROLE; GRANT audit_owner TO audit_app", "audit_app: is a member of audit_owner"),
    "member of the sweep": ("RESET ROLE; GRANT audit_sweep TO audit_app", "audit_app: is a member of audit_sweep"),
    "reads all": ("RESET ROLE; GRANT pg_read_all_data TO audit_app", "audit_app: is a member of pg_read_all_data"),
    "watches": ("RESET ROLE; GRANT pg_monitor TO audit_sweep", "audit_sweep: is a member of pg_monitor"),
    "runs programs": (
        "RESET ROLE; GRANT pg_execute_server_program TO audit_app",
        "is a member of pg_execute_server_program",
    ),
    "owns a table": ("RESET ROLE; ALTER TABLE tags OWNER TO audit_app", "audit_app: owns table tags"),
    "owns a schema": ("RESET ROLE; CREATE SCHEMA more AUTHORIZATION audit_app", "audit_app: owns schema more"),
    "owns a function": (
        "RESET ROLE; ALTER FUNCTION shout OWNER TO audit_sweep",
        "audit_sweep: owns function shout(text)",
    ),
    "owns a large object": (
        "RESET ROLE; SELECT lo_create(77); ALTER LARGE OBJECT 77 OWNER TO audit_app",
        "audit_app: owns large object 77",
    ),
    "a workspace by default": (
        "RESET ROLE; ALTER ROLE audit_app SET app.workspace_id = 'org_a'",
        "audit_app: starts with the setting app.workspace_id",
    ),
    "a search path": (
        "RESET ROLE; ALTER ROLE audit_app SET search_path = more",
        "audit_app: starts with the setting search_path",
    ),
    "a parameter": (
        "RESET ROLE; GRANT SET ON PARAMETER session_replication_role TO audit_app",
        "audit_app: may set the parameter session_replication_role",
    ),
}

SYSTEM: Mapping[str, tuple[str, str]] = {
    "activity": ("RESET ROLE; GRANT SELECT ON pg_stat_activity TO PUBLIC", "pg_stat_activity: audit_app may use it"),
    "activity by function": (
        "RESET ROLE; GRANT EXECUTE ON FUNCTION pg_stat_get_activity TO audit_app",
        "pg_stat_get_activity(integer): audit_app may use it",
    ),
    "large objects": (
        "RESET ROLE; GRANT EXECUTE ON FUNCTION lo_create TO PUBLIC",
        "lo_create(oid): audit_sweep may use it",
    ),
}

# PostgreSQL may be built without what makes collations in which different texts are equal.
NEEDS_ICU = frozenset({"columns, collation"})

BREACHES: Mapping[str, tuple[str, str]] = {
    f"{part}, {name}": breach
    for part, breaches in {
        "columns": COLUMNS,
        "policies": POLICIES,
        "keys": KEYS,
        "grants": GRANTS,
        "code": CODE,
        "database": DATABASE,
        "roles": ROLES,
        "system": SYSTEM,
    }.items()
    for name, breach in breaches.items()
}

"""What a database holds, as far as the checker needs to know it: relations, functions, operators and the search path.

`read_catalog` reads it from a live connection; `Catalog.of` makes one by hand for tests of the checker itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

WORKSPACE = "workspace_id"

# The only type whose built-in equality is equality of the text, given a deterministic collation; catalog.sql names others differently.
TEXT = "text"

BUILT_IN = "pg_catalog"
SYSTEM_SCHEMAS = frozenset({BUILT_IN, "information_schema", "pg_toast"})

# A schema and a name.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `type` is "text" only where equality means equality."""

    name: str
    type: str = TEXT


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, materialized view or foreign table.

    `definition` is a view's query. `unique` holds the plain columns of each unique index by the index's name (a constraint has the name
    of its index).
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    kind: str = "table"
    definition: str | None = None
    security_invoker: bool = False
    unique: tuple[tuple[str, frozenset[str]], ...] = ()

    @property
    def is_tenant_table(self) -> bool:
        """Whether its rows belong to workspaces."""
        return self.kind in {"table", "foreign table"} and any(column.name == WORKSPACE for column in self.columns)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or procedure of the project. `definition` is the whole CREATE statement, empty where there is none (C, aggregates)."""

    schema: str
    name: str
    language: str
    definition: str = ""
    security_definer: bool = False
    fixed_search_path: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What statements are resolved against. `path` is the effective search path, `built_in` the names of PostgreSQL's own functions."""

    path: tuple[str, ...]
    relations: Mapping[Key, Relation]
    functions: Mapping[Key, tuple[Function, ...]]
    # Operators that PostgreSQL does not bring along, by schema and name.
    operators: frozenset[Key]
    built_in: frozenset[str]

    @classmethod
    def of(cls, tables: Mapping[str, Iterable[str]]) -> Catalog:
        """A catalog with these tables and their columns, all of type text; a name may begin with a schema (`other.notes`)."""
        made = (Relation(*_key(name), tuple(Column(column) for column in columns)) for name, columns in tables.items())
        return cls(
            path=(BUILT_IN, "public"),
            relations={(relation.schema, relation.name): relation for relation in made},
            functions={},
            operators=frozenset(),
            built_in=_COMMON_FUNCTIONS,
        )

    def plus(self, *more: Relation | Function) -> Catalog:
        """The same with more relations and functions; a relation replaces one of the same name."""
        relations, functions = dict(self.relations), dict(self.functions)
        for one in more:
            key = (one.schema, one.name)
            if isinstance(one, Relation):
                relations[key] = one
            else:
                functions[key] = (*functions.get(key, ()), one)
        return replace(self, relations=relations, functions=functions)

    @property
    def tenant_tables(self) -> frozenset[str]:
        """The names of all tables that have a workspace_id."""
        return frozenset(one.name for one in self.relations.values() if one.is_tenant_table)

    def relation(self, schema: str | None, name: str) -> Relation | None:
        """What `schema.name` means, or `name` by the search path."""
        for one in (schema,) if schema else self.path:
            found = self.relations.get((one, name))
            if found is not None:
                return found
        return None

    def operator_is_built_in(self, schema: str | None, name: str) -> bool:
        """Whether this operator can only be PostgreSQL's own: nothing else on the search path has its name."""
        if schema is not None:
            return schema == BUILT_IN
        return not any((one, name) in self.operators for one in self.path)


def _key(name: str) -> Key:
    schema, dot, rest = name.partition(".")
    return (schema, rest) if dot else ("public", name)


# Enough for statements in tests; a live catalog brings all of them.
_COMMON = """
abs array_agg array_length avg bool_and bool_or cardinality ceil clock_timestamp coalesce concat concat_ws count
cume_dist current_setting date_trunc dense_rank extract first_value floor format gen_random_uuid generate_series
greatest hashtext hashtextextended json_agg json_build_object jsonb_agg jsonb_array_elements
jsonb_array_elements_text jsonb_build_object jsonb_each jsonb_object_agg jsonb_to_recordset lag last_value lead
least left length lower make_interval max md5 min mode now ntile num_nonnulls nullif octet_length
pg_advisory_xact_lock pg_cancel_backend pg_read_file pg_sleep pg_terminate_backend pg_try_advisory_xact_lock
pg_typeof percentile_cont query_to_xml random rank regexp_replace replace right round row_number rpad set_config
similarity split_part starts_with string_agg string_to_array substr substring sum timezone to_char to_jsonb
transaction_timestamp trim upper unnest width_bucket xmlagg
"""
_COMMON_FUNCTIONS = frozenset(_COMMON.split())

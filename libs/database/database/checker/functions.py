"""Which functions a statement may call, and the bodies of the project's own functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from pglast import ast, parse_plpgsql, parse_sql
from pglast.parser import ParseError

from database.checker.catalog import BUILT_IN, SYSTEM_SCHEMAS, Catalog, Function
from database.checker.nodes import STATEMENTS, Syntax, all_of, is_a, split_name, strings
from database.checker.problems import Finding, Kind

# What reads files, runs SQL that it is handed as text, reaches other sessions, or outlives the transaction: refused everywhere.
_REFUSED = re.compile(
    r"lo_\w+|loread|lowrite|\w+_to_xml|\w+_to_xmlschema|\w+_to_xml_and_xmlschema|ts_stat|ts_rewrite|dblink\w*|setval|currval|lastval"
)

# PostgreSQL's functions called pg_… look at the server or change it. Only these may be called in a workspace's statement,
_HARMLESS = re.compile(
    r"pg_(typeof|column_size|size_pretty|size_bytes|input_is_valid|input_error_info|(try_)?advisory_xact_lock(_shared)?)"
)
# and these as well in one that crosses workspaces: they read definitions and rights, and which numbers transactions have.
_CATALOG = re.compile(
    r"pg_(has_role|\w+_is_visible|options_to_table|describe_object|identify_object|index_column_has_property"
    r"|get_(expr|userbyid|\w+def|serial_sequence|partkeydef|function_\w+)"
    r"|current_snapshot|snapshot_xm(in|ax))"
)
_LOCK = re.compile(r"pg_(try_)?advisory_xact_lock(_shared)?")

# Settings that statements called `<…>_enter` may set. The first one is the scope; the next four only narrow what the scope shows (two of
# them to what a grant of staff access opens), and the last one decides when a plan is made.
SCOPE_SETTING = "app.workspace_id"
SETTINGS = frozenset(
    {SCOPE_SETTING, "app.report_floor", "app.finding_query", "app.staff_grant", "app.staff", "plan_cache_mode"}
)

# What functions look into that refuse rows: the fences around erased workspaces, reports and calls, and what lets nothing be metered that
# was not analysed. They run as triggers only, which PostgreSQL lets no statement call.
_FENCED_BY = frozenset({"tombstones", "report_tombstones", "erased_calls", "call_tombstones", "analyses"})
_TRIGGER = re.compile(r"\sRETURNS\s+trigger\s", re.IGNORECASE)


def refusal(
    catalog: Catalog, schema: str | None, name: str, crossing: bool, above: frozenset[Function] = frozenset()
) -> Finding | None:
    """Why a statement must not call this function; None when it may. A name without schema may mean any function on the path.

    `above` are functions whose bodies the call stands in.
    """
    schemas = (schema,) if schema else catalog.path
    own = [one for each in schemas for one in catalog.functions.get((each, name), ())]
    built_in = BUILT_IN in schemas and name in catalog.built_in
    if not own and not built_in:
        return Finding(Kind.UNRESOLVED, f"function {name}", "the catalog has no such function")
    if built_in and _is_refused(name, crossing):
        return Finding(Kind.FUNCTION, f"function {name}", "it looks at or changes what row policies do not restrain")
    for function in own:
        for finding in () if function in above else of_function(catalog, function, above):
            return Finding(Kind.FUNCTION, f"function {name}", finding.missing)
    return None


def _is_refused(name: str, crossing: bool) -> bool:
    if _REFUSED.fullmatch(name):
        return True
    allowed = _HARMLESS.fullmatch(name) or (crossing and _CATALOG.fullmatch(name))
    return name.startswith("pg_") and not allowed


def is_lock(name: str) -> bool:
    """Whether this function takes an advisory lock, which a workspace may only take under its own name."""
    return _LOCK.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def of_function(catalog: Catalog, function: Function, above: frozenset[Function] = frozenset()) -> tuple[Finding, ...]:
    """What is wrong with one of the project's own functions. Its body must not touch a tenant table: nothing ties it to a scope there."""
    return tuple(_of_function(catalog, function, above | {function}))


def _of_function(catalog: Catalog, function: Function, above: frozenset[Function]) -> Iterator[Finding]:
    name = f"function {function.schema}.{function.name}"
    if function.security_definer and not function.fixed_search_path:
        yield Finding(Kind.DEFINITION, name, "it is SECURITY DEFINER without a fixed search_path")
    if function.language not in {"sql", "plpgsql"} or not function.definition:
        yield Finding(Kind.DEFINITION, name, f"its body (language {function.language}) cannot be checked")
        return
    try:
        parts = list(_parts(function))
    except (ParseError, _Unreadable) as error:
        yield Finding(Kind.DEFINITION, name, f"its body cannot be checked ({error.args[0]})")
        return
    looks_into = _FENCED_BY if _TRIGGER.search(function.definition) else frozenset[str]()
    for part in parts:
        yield from _of_body(catalog, above, name, part, looks_into)


class _Unreadable(Exception):
    """A body, or a part of one, that cannot be parsed."""


def _parts(function: Function) -> list[Syntax]:
    if function.language == "plpgsql":
        return [statement for text in _expressions(parse_plpgsql(function.definition)) for statement in _parsed(text)]
    (raw,) = parse_sql(function.definition)
    created: Syntax = raw.stmt
    if created.sql_body is not None:
        return [created.sql_body]
    (body,) = (option.arg for option in created.options if option.defname == "as")
    return [raw.stmt for raw in parse_sql(strings(body)[0])]


def _expressions(tree: object) -> Iterator[str]:
    """The SQL of a PL/pgSQL body, as statements."""
    if isinstance(tree, list):
        for one in tree:
            yield from _expressions(one)
    elif isinstance(tree, dict):
        for kind, content in tree.items():
            if "dyn" in kind:
                raise _Unreadable("it builds SQL and executes it")
            if kind == "PLpgSQL_expr":
                yield content["query"]
            else:
                yield from _expressions(content)


def _parsed(text: str) -> list[Syntax]:
    """A statement, an expression, or what stands on both sides of `:=`."""
    _, assigned, value = text.partition(":=")
    for attempt in (text, f"SELECT {text}", f"SELECT {value}" if assigned else ""):
        try:
            if attempt:
                return [raw.stmt for raw in parse_sql(attempt)]
        except ParseError:
            continue
    raise _Unreadable(text)


def _of_body(
    catalog: Catalog, above: frozenset[Function], name: str, part: Syntax, looks_into: frozenset[str]
) -> Iterator[Finding]:
    if not is_a(part, *STATEMENTS, ast.ReturnStmt, tuple):
        yield Finding(
            Kind.DEFINITION, name, f"a {type(part).__name__} in its body is not checked, so it is not allowed"
        )
    for missing in (*_relations(catalog, part, looks_into), *_calls(catalog, above, part)):
        yield Finding(Kind.DEFINITION, name, missing)


def _relations(catalog: Catalog, part: Syntax, looks_into: frozenset[str]) -> Iterator[str]:
    ctes = {cte.ctename for cte in all_of(part, ast.CommonTableExpr)}
    locked = {id(one) for clause in all_of(part, ast.LockingClause) for one in clause.lockedRels or ()}
    for relation in all_of(part, ast.RangeVar):
        found = catalog.relation(relation.schemaname, relation.relname)
        if id(relation) in locked or (found is None and relation.schemaname is None and relation.relname in ctes):
            continue
        if relation.relname in looks_into and is_a(part, ast.SelectStmt):
            continue
        if found is None:
            yield f"relation {relation.relname} in its body is not in the catalog"
        elif found.is_tenant_table or found.definition is not None or found.schema in SYSTEM_SCHEMAS:
            yield f"its body names {relation.relname}, which nothing ties to a scope there"


def _calls(catalog: Catalog, above: frozenset[Function], part: Syntax) -> Iterator[str]:
    for call in all_of(part, ast.FuncCall):
        schema, called = split_name(call.funcname)
        if called == "set_config":
            yield "its body sets a setting"
            continue
        refused = refusal(catalog, schema, called, crossing=False, above=above)
        if refused:
            yield f"its body calls {called}: {refused.missing}"

"""Rules on the syntax tree of one file: what outlives a request, what is named by workspace, what is logged, where a scope comes from.

Each finder yields `Found(line, what)`; `what` is the key under which the register of exceptions knows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A place that a rule speaks of."""

    line: int
    what: str


Finder = Callable[[ast.Module], Iterator[Found]]

_MEMORY_DECORATORS = frozenset({"lru_cache", "cache", "cached_property", "cached", "alru_cache"})
_CONTAINERS = frozenset(
    {"dict", "list", "set", "bytearray", "OrderedDict", "defaultdict", "deque", "Counter", "WeakKeyDictionary"}
    | {"WeakValueDictionary", "WeakSet", "TTLCache", "LRUCache", "Queue", "SimpleQueue", "local"}
)
_CHANGES = frozenset(
    {"append", "add", "setdefault", "update", "pop", "popitem", "clear", "extend", "insert", "remove", "discard"}
    | {"appendleft", "popleft", "put_nowait", "move_to_end"}
)


def memory(tree: ast.Module) -> Iterator[Found]:
    """Everything that can remember from one request or message to the next.

    Decorators that keep results; module-level containers that are changed; module-level variables that a function rebinds; context
    variables; containers that an object makes for itself in `__init__` or as a field's default.
    """
    yield from _decorators(tree)
    yield from _module_state(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from (Found(node.lineno, name) for name in node.names)
        if isinstance(node, ast.ClassDef):
            yield from _attributes(node)


def _decorators(tree: ast.Module) -> Iterator[Found]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _remembers(*node.decorator_list):
            yield Found(node.lineno, node.name)
        # `kept = lru_cache(…)(function)` is the same thing without the decorator.
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _remembers(node.value.func):
            yield from (Found(node.lineno, name) for name in _targets(node))


def _remembers(*decorators: ast.expr) -> bool:
    return any(_last_name(decorator) in _MEMORY_DECORATORS for decorator in decorators)


def _module_state(tree: ast.Module) -> Iterator[Found]:
    changed = _changed_names(tree)
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for name in _targets(node):
            if _last_name(node.value) == "ContextVar" or (name in changed and _is_container(node.value)):
                yield Found(node.lineno, name)


def _changed_names(tree: ast.Module) -> set[str]:
    """Names on which something is set, deleted or called that changes a container."""
    changed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed.add(_first_name(node.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            changed.add(_first_name(node.func.value))
        if isinstance(node, ast.AugAssign):
            changed.add(_first_name(node.target))
    return changed


def _attributes(owner: ast.ClassDef) -> Iterator[Found]:
    """Containers of an object's own: `self._kept = {}` and `kept: dict[…] = field(default_factory=dict)`."""
    for statement in owner.body:
        value = statement.value if isinstance(statement, ast.AnnAssign | ast.Assign) else None
        if isinstance(statement, ast.AnnAssign | ast.Assign) and value is not None:
            names = _targets(statement) if _is_container(_default_factory(value) or value) else []
            yield from (Found(statement.lineno, f"{owner.name}.{name}") for name in names)
    for node in ast.walk(owner):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_container(node.value):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and _first_name(target) == "self":
                    yield Found(node.lineno, f"{owner.name}.{target.attr}")


def _default_factory(value: ast.expr) -> ast.expr | None:
    if isinstance(value, ast.Call) and _last_name(value) == "field":
        for keyword in value.keywords:
            if keyword.arg == "default_factory":
                return ast.Call(keyword.value, [], [])
    return None


def _is_container(value: ast.expr) -> bool:
    """A container that begins empty or is made by a call: literals with content are tables, unless something changes them."""
    if isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp):
        return True
    return isinstance(value, ast.Call) and _last_name(value) in _CONTAINERS


def names(tree: ast.Module) -> Iterator[Found]:
    """Text that spells a workspace's folder, or begins like a workspace's id: only cloud.names and core.ids build those."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in documentation:
            continue
        if "workspaces/" in node.value:
            yield Found(node.lineno, "workspaces/")
        if node.value.startswith("org_"):
            yield Found(node.lineno, "org_")
        if node.value == "ce-workspaceid":
            yield Found(node.lineno, "ce-workspaceid")


_LOG_LEVELS = frozenset({"debug", "info", "warning", "error"})
_NEVER_LOGGED = frozenset(
    {
        "workspace",
        "workspace_id",
        "org",
        "org_id",
        "organisation",
        "tenant",
        "user",
        "user_id",
        "email",
        "name",
        "title",
    }
    | {
        "brief",
        "text",
        "body",
        "content",
        "transcript",
        "prompt",
        "answer",
        "token",
        "secret",
        "object_name",
        "ordering_key",
    }
)


def logs(tree: ast.Module) -> Iterator[Found]:
    """A log line's workspace comes from the context alone, and its words are fixed: what varies is a field that is an id or a number."""
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or node.func.attr not in _LOG_LEVELS
        ):
            continue
        if _last_name(node.func.value) not in {"log", "_log", "logger"}:
            continue
        if not node.args or not isinstance(node.args[0], ast.Constant):
            yield Found(node.lineno, "words that vary")
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in _NEVER_LOGGED:
                yield Found(node.lineno, f"field {keyword.arg or '**'}")


def contexts(tree: ast.Module) -> Iterator[Found]:
    """Who says for which workspace the current task works."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last_name(node.func) == "working_for":
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "workspace_id")]
            yield from (Found(node.lineno, ast.unparse(value)) for value in given)


_METHODS = frozenset({"workspace", "enter", "enter_with", "enter_each"})
_FUNCTIONS = frozenset({"prefix_of", "own_name"})


def entries(tree: ast.Module) -> Iterator[Found]:
    """Where a scope is entered, of rows or of objects, and what says which: a session, a claim, a message; never a request's input."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        methods = _METHODS if isinstance(node.func, ast.Attribute) else _FUNCTIONS
        called = _last_name(node.func)
        # The first argument of enter_each is the statement's name.
        said = node.args[1:2] if called == "enter_each" else node.args[:1]
        if called in methods:
            yield from (Found(node.lineno, ast.unparse(one)) for one in said)


_METRICS = frozenset({"prometheus_client", "opentelemetry", "statsd", "datadog", "aioprometheus"})


def metrics(tree: ast.Module) -> Iterator[Found]:
    """Libraries that publish figures under labels: a label with a workspace in it is a list of customers."""
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (Found(getattr(node, "lineno", 1), name) for name in modules if name.split(".")[0] in _METRICS)


def streams(tree: ast.Module) -> Iterator[Found]:
    """Answers that go on after the request was checked (server-sent events, websockets), and answers that caches may keep."""
    for node in ast.walk(tree):
        called = _last_name(node.func) if isinstance(node, ast.Call) else ""
        if called in {
            "StreamingResponse",
            "EventSourceResponse",
            "EventStream",
            "websocket",
            "add_api_websocket_route",
            "FileResponse",
        }:
            yield Found(getattr(node, "lineno", 1), called)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() == "cache-control":
            yield Found(node.lineno, "cache-control")


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _last_name(node: ast.expr) -> str:
    """`lru_cache` of `functools.lru_cache(1)`, `lru_cache` and `functools.lru_cache`."""
    while isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _first_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""

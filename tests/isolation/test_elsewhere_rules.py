"""What remembers, what is named, logged, streamed or measured by workspace, where a scope comes from: registered, or not there at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import cast

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from contracts import MESSAGES
from house.projects import ROOT
from isolation.elsewhere import outward, register, rules, scopes
from isolation.elsewhere.outward import FIELDS
from isolation.elsewhere.register import Register
from isolation.elsewhere.rules import Finder
from isolation.elsewhere.scopes import SCOPE_SOURCES
from isolation.elsewhere.sources import deployed, finds, no_longer_needed, unregistered

RULES: dict[str, tuple[Finder, Register, frozenset[str]]] = {
    "what remembers": (rules.memory, register.MEMORY, frozenset()),
    "what is named by workspace": (rules.names, register.NAMES, frozenset()),
    "what is logged": (rules.logs, {}, frozenset()),
    "for whom the task works": (rules.contexts, scopes.CONTEXTS, frozenset()),
    "where a scope comes from": (rules.entries, scopes.ENTRIES, SCOPE_SOURCES),
    "what is measured": (rules.metrics, outward.METRICS, frozenset()),
    "what streams or is cached": (rules.streams, outward.STREAMS, frozenset()),
}


@pytest.mark.parametrize("rule", RULES)
def test_nothing_escapes_the_scope(rule: str) -> None:
    finder, known, allowed = RULES[rule]
    assert unregistered(finder, known, allowed) == []


@pytest.mark.parametrize("rule", RULES)
def test_every_entry_of_the_register_is_still_needed(rule: str) -> None:
    finder, known, _ = RULES[rule]
    assert no_longer_needed(finder, known) == []
    assert all(reason for reason in known.values())


SAMPLES: list[tuple[Finder, str, str]] = [
    (rules.memory, "@lru_cache\ndef plan_of(workspace_id): ...", "plan_of"),
    (rules.memory, "@functools.lru_cache(maxsize=10)\nasync def plan_of(workspace_id): ...", "plan_of"),
    (rules.memory, "class Desk:\n    @cached_property\n    def plan(self): ...", "plan"),
    (rules.memory, "plan_of = lru_cache(maxsize=1)(read_plan)", "plan_of"),
    (rules.memory, "plan_of = functools.cache(read_plan)", "plan_of"),
    (rules.memory, "_plans = {}\ndef keep(plan):\n    _plans[plan.id] = plan", "_plans"),
    (rules.memory, "_plans: dict[str, Plan] = dict()\ndef keep(plan):\n    _plans.setdefault(plan.id, plan)", "_plans"),
    (rules.memory, "_seen = {'first'}\ndef see(one):\n    _seen.add(one)", "_seen"),
    (rules.memory, "_seen = []\ndef see(one):\n    global _seen\n    _seen = _seen + [one]", "_seen"),
    (rules.memory, "_seen = []\ndef see(one):\n    _seen += [one]", "_seen"),
    (rules.memory, "_last = None\ndef see(one):\n    global _last\n    _last = one", "_last"),
    (rules.memory, "_tenant = ContextVar('tenant')", "_tenant"),
    (rules.memory, "class Desk:\n    def __init__(self):\n        self._plans = {}", "Desk._plans"),
    (
        rules.memory,
        "class Desk:\n    def __init__(self):\n        self._plans: dict[str, Plan] = OrderedDict()",
        "Desk._plans",
    ),
    (rules.memory, "class Desk:\n    def __init__(self):\n        self._plans = TTLCache(10, 60)", "Desk._plans"),
    (rules.memory, "class Desk:\n    plans: dict[str, Plan] = field(default_factory=dict)", "Desk.plans"),
    (rules.memory, "class Desk:\n    plans = {}", "Desk.plans"),
    (rules.names, "name = f'workspaces/{workspace_id}/calls'", "workspaces/"),
    (rules.names, "name = 'workspaces/' + workspace_id", "workspaces/"),
    (rules.names, "workspace_id = 'org_' + text", "org_"),
    (rules.names, "attributes['ce-workspaceid'] = workspace_id", "ce-workspaceid"),
    (rules.logs, "log.info('done', workspace_id=tx.workspace_id)", "field workspace_id"),
    (rules.logs, "_log.warning('done', email=session.email)", "field email"),
    (rules.logs, "self.log.error(f'{workspace_id} failed')", "words that vary"),
    (rules.logs, "log.info('done ' + name)", "words that vary"),
    (rules.logs, "log.info('done', **fields)", "field **"),
    (rules.contexts, "with working_for(request.query_params['workspace']): ...", "request.query_params['workspace']"),
    (rules.contexts, "with core.context.working_for(workspace_id=other): ...", "other"),
    (
        rules.entries,
        "async with db.workspace(request.path_params['workspace']) as tx: ...",
        "request.path_params['workspace']",
    ),
    (rules.entries, "folder = self.objects.workspace(WorkspaceId(form['org']))", "WorkspaceId(form['org'])"),
    (rules.entries, "prefix = prefix_of(other)", "other"),
    (rules.metrics, "import prometheus_client", "prometheus_client"),
    (rules.metrics, "from opentelemetry.metrics import get_meter", "opentelemetry.metrics"),
    (rules.streams, "return StreamingResponse(events())", "StreamingResponse"),
    (rules.streams, "return EventStream(request, session, feed)", "EventStream"),
    (rules.streams, "headers = {'Cache-Control': 'public, max-age=60'}", "cache-control"),
]


@pytest.mark.parametrize(("finder", "text", "what"), SAMPLES)
def test_each_rule_finds_what_it_is_for(finder: Finder, text: str, what: str) -> None:
    assert what in {found.what for found in finds(finder, text)}


IN_ORDER: list[tuple[Finder, str]] = [
    (rules.memory, "_WORDS = {'missing': 'is missing'}\ndef word(kind):\n    return _WORDS[kind]"),
    (
        rules.memory,
        "def group(calls):\n    groups = {}\n    for call in calls:\n        groups.setdefault(call.day, []).append(call)",
    ),
    (rules.memory, "class Desk:\n    def __init__(self, db):\n        self._db = db"),
    (rules.names, '"""Objects lie under workspaces/<id>/."""'),
    (rules.logs, "log.info('calls chosen', job=str(claim.job_id), matching=12)"),
    (rules.logs, "console.info(text)"),
    (rules.contexts, "with working_for(correlation_id=found): ..."),
    (rules.entries, "session = workspace(request)"),
]


@pytest.mark.parametrize(("finder", "text"), IN_ORDER)
def test_and_nothing_else(finder: Finder, text: str) -> None:
    assert finds(finder, text) == []


def test_the_message_names_the_line_and_what_to_do() -> None:
    known = {key: reason for key, reason in register.MEMORY.items() if key[1] != "Keyring._unwrapped"}
    (message,) = unregistered(rules.memory, known)
    assert re.fullmatch(
        r"services/credential-vault/\S+\.py:\d+: Keyring\._unwrapped is not in \S+: build it from the scope, .*",
        message,
    )


def test_an_entry_too_many_is_told() -> None:
    stale = {**register.MEMORY, ("libs/core/core/ids.py", "gone"): "was there once"}
    assert no_longer_needed(rules.memory, stale) == [
        "libs/core/core/ids.py: gone is registered and no longer there: remove the entry"
    ]


def test_no_service_runs_the_checker_of_statements() -> None:
    """It is left out of the rules above because it never sees a row."""
    imports = re.compile(r"^\s*(from database\.checker|import database\.checker|from database import .*checker)", re.M)
    assert [path.name for path in deployed() if imports.search(path.read_text())] == []


_DESKS = (
    *("self._desk.", "self._exports.", "self._searching.", "self.desk.", "self.schedules.", "self.searching."),
    *("setup.", "self.setup.", "signing."),
)
_WAYS_IN = (
    "services/analysis/analysis/http",
    "services/analysis/analysis/tools",
    "services/audit/audit/streaming/http.py",
    "services/credential-vault/credential_vault/http",
)


def _use_cases() -> Iterator[tuple[str, str]]:
    """Calls of use cases in the routes of analysis, of the stream and of its secret: where, and what is given as the workspace."""
    for path in deployed():
        if any(path.is_relative_to(ROOT / folder) for folder in _WAYS_IN):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(_DESKS) and node.args:
                    yield f"{path.name}:{node.lineno}", ast.unparse(node.args[0])


def test_every_route_gives_its_use_case_the_sessions_workspace() -> None:
    calls = dict(_use_cases())
    calls = {place: given for place, given in calls.items() if "clock.now()" not in given}
    assert len(calls) > 25
    assert {place: given for place, given in calls.items() if given != "session.workspace_id"} == {}


_POINTS_ELSEWHERE = re.compile(r"workspace|organi[sz]ation|tenant|object|bucket|folder|path|target|subject")


def _fields(message: type[Message]) -> Iterator[str]:
    for field in message.DESCRIPTOR.fields:
        if _POINTS_ELSEWHERE.search(field.name):
            yield f"{message.DESCRIPTOR.full_name}.{field.name}"
        if field.message_type is not None and not field.message_type.full_name.startswith("google."):
            yield from _fields(GetMessageClass(cast("Descriptor", field.message_type)))


def test_every_field_that_could_point_into_another_workspace_is_checked_by_somebody() -> None:
    pointing = {name for message in MESSAGES.values() for name in _fields(message)}
    assert pointing == set(FIELDS)


_SQL = sorted(path for folder in ("libs", "services") for path in (ROOT / folder).rglob("*.sql"))


def test_every_lock_by_name_is_one_workspaces_own() -> None:
    locks = [(path.name, line) for path in _SQL for line in path.read_text().splitlines() if "advisory" in line.lower()]
    assert locks
    assert [lock for lock in locks if ":workspace_id" not in lock[1]] == []


def test_no_notification_carries_anything() -> None:
    """NOTIFY reaches every listener of the database, whatever its scope."""
    found = [path.name for path in _SQL if re.search(r"pg_notify\s*\(|\bNOTIFY\s+\w+\s*,", path.read_text(), re.I)]
    assert found == []

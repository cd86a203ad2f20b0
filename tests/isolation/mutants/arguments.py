"""Values for a statement's parameters that fit the rows of `seeds/`, so that a statement without its scope meets the other workspace's."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from database.queries import SCOPE_PARAMETER, Statement
from isolation.mutants.world import OURS, THEIRS

NO_SCOPE = 0
VARIANTS = (1, 2, 3, NO_SCOPE)
"""The seeds hold rows in up to three states, told apart by the ids' ends; and no scope at all, with the first of them."""

TEXTS: Mapping[str, str] = {
    SCOPE_PARAMETER: OURS,
    "stranger": THEIRS,
    "provider": "gong",
    "kind": "run",
    "role": "member",
    "source": "clerk",
    "requester": "ingest",
    "plan": "free",
    "type": "workspace.updated",
    "user_id": "user_01",
    "message_id": "message_01",
    "verdict": "yes",
    "timezone": "Europe/Berlin",
    "filter": "{}",
    "request": "{}",
    "document": "{}",
    "sha256": "0" * 64,
    "failure": "",
    "consumer": "consumer",
}

LISTS: Mapping[str, str] = {
    "states": "gone",
    "outcomes": "failed",
    "types": "workspace.updated",
    "actor_kinds": "user",
    "sources": "web",
    "sha256s": "0" * 64,
    "sentiments": "mixed",
}

STATES: Mapping[str, str] = {
    "project_integration": "connected",
    "integration_save": "connected",
    "job_finish": "done",
}

_LATE = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def arguments(statement: Statement, types: Sequence[str], variant: int) -> list[object]:
    """A value for each parameter, by its name and PostgreSQL's name of its type."""
    named = list(zip(statement.parameters, types, strict=True))
    return [
        None if variant == NO_SCOPE and name == SCOPE_PARAMETER else _value(statement.name, name, kind, variant or 1)
        for name, kind in named
    ]


def _value(statement: str, name: str, kind: str, variant: int) -> object:
    if kind.endswith("[]"):
        return [LISTS[name]] if name in LISTS else [_value(statement, name.removesuffix("s"), kind[:-2], variant)]
    if kind in {"text", "jsonb", "varchar"}:
        return _text(statement, name, kind, variant)
    values: Mapping[str, object] = {
        "uuid": uuid.UUID(f"0000000{variant}-0000-4000-8000-000000000001"),
        "bytea": b"x",
        "bool": False,
        "timestamptz": _LATE,
        "float8": 1.0,
    }
    return values[kind] if kind in values else _number(name)


def _text(statement: str, name: str, kind: str, variant: int) -> str:
    if kind == "jsonb":
        return "{}"
    if name == "call_id":
        return f"call_0{variant}" if statement.startswith("run_calls") else "call_01"
    if name == "state":
        return STATES.get(statement, "failed")
    if name == "failure":
        return "" if statement == "job_finish" else "failure"
    return TEXTS.get(name, "text")


def _number(name: str) -> int:
    if name in {"sequence", "limit", "size", "calls"}:
        return 100
    return 0 if name == "calls_private" else 1

"""How PostgreSQL finds a page, as the runtime role and behind row security: by the index that was made for it, reading nothing to sort."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias, cast

import pytest

from audit.domain.reading import EARLIEST, Position
from bench.audit.filled import LOOKED_AT, filled
from database import Database
from testkit.capture import unrecorded

Node: TypeAlias = "dict[str, str | list[Node]]"

_PLACE: dict[str, object] = {
    "before_time": Position().occurred_at,
    "before_id": Position().id,
    "since": EARLIEST,
    "size": 51,
}
_FREE: dict[str, object] = {"type": "", "source": ""}
_QUESTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "entries_page": ("entries_newest", {}),
    "entries_page_of_type": ("entries_of_type", {"type": "report.exported", "source": "web"}),
    "entries_page_from_source": ("entries_from_source", {"source": "api"}),
    "entries_page_by_actor": ("entries_by_actor", {**_FREE, "actors": ["user_3"]}),
    "entries_page_about_target": ("entries_about_target", {**_FREE, "targets": ["thing-9"], "actors": ["user_3"]}),
    "entries_page_with_words": (
        "entry_words_pkey",
        {**_FREE, "word": "paused", "others": ["active"], "actors": [], "targets": []},
    ),
}


@pytest.fixture(scope="module")
async def log(postgres_url: str) -> AsyncIterator[Database]:
    with unrecorded("EXPLAIN of the service's own statements"):
        async with filled(postgres_url, "audit-plans", 40_000, 10_000) as db:
            yield db


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in cast("list[Node]", node.get("Plans", [])):
        yield from nodes(child)


async def plan_of(db: Database, name: str, given: dict[str, object]) -> Node:
    statement = db.queries[name]
    async with db.workspace(LOOKED_AT) as tx:
        values = statement.arguments({**_PLACE, **given}, LOOKED_AT)
        found = await tx._connection.fetchval(f"EXPLAIN (FORMAT json) {statement.sql}", *values)
    return cast(Node, (json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


async def empty_partitions(db: Database) -> set[str]:
    """Months that hold nothing yet: read from their beginning to their end at once."""
    async with db.workspace(LOOKED_AT) as tx:
        found = await tx._connection.fetch("SELECT relname FROM pg_class WHERE relispartition AND reltuples <= 0")
    return {str(row["relname"]) for row in found}


@pytest.mark.parametrize("name", sorted(_QUESTIONS))
async def test_a_page_is_found_in_the_order_of_its_index(log: Database, name: str) -> None:
    index, given = _QUESTIONS[name]
    plan = list(nodes(await plan_of(log, name, given)))
    used = {str(node["Index Name"]) for node in plan if "Index Name" in node}
    # Of a partition the index has another name; its definition begins alike.
    assert any(index in one or one.endswith("_idx") for one in used), (name, used)
    assert {node["Node Type"] for node in plan} & {"Bitmap Heap Scan"} == set()
    assert {str(node["Relation Name"]) for node in plan if node["Node Type"] == "Seq Scan"} <= await empty_partitions(
        log
    )


async def test_words_are_looked_up_by_an_index_although_row_security_is_in_the_way(log: Database) -> None:
    """The same question by ILIKE cannot use one: its operator might tell of rows before the policy has decided on them."""
    _, given = _QUESTIONS["entries_page_with_words"]
    plan = list(nodes(await plan_of(log, "entries_page_with_words", given)))
    conditions = [str(node.get("Index Cond", "")) for node in plan if node.get("Index Name") == "entry_words_pkey"]
    assert any("word = " in one and "workspace_id = " in one for one in conditions)

"""How PostgreSQL finds a page, as the runtime role and behind row security: by the index that was made for it, reading nothing to sort."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias, cast

import pytest

from audit.domain.reading import EARLIEST, Position
from audit.store import reading
from audit.store.reading import Asked
from bench.audit.filled import LOOKED_AT, filled
from bench.audit.reading import _BLOCKS
from database import Database
from testkit.capture import unrecorded

Node: TypeAlias = "dict[str, str | list[Node]]"

_PLACE: dict[str, object] = {
    "before_time": Position().occurred_at,
    "before_id": Position().id,
    "since": EARLIEST,
    "size": 51,
}
_FREE: dict[str, object] = {"type": "", "source": "", "words": ["active"]}
_LISTED: dict[str, object] = {**_FREE, "rarest": "word7"}
_QUESTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "entries_page": ("entries_newest", {}),
    "entries_page_of_type": ("entries_of_type", {"type": "report.exported", "source": "web", "words": ["active"]}),
    "entries_page_from_source": ("entries_from_source", {"source": "api", "words": []}),
    "entries_page_by_actor": ("entries_by_actor", {**_LISTED, "actors": ["user_3"]}),
    "entries_page_by_actor_about": ("entries_by_actor", {**_LISTED, "actors": ["user_3"], "targets": ["thing-9"]}),
    "entries_page_about_target": ("entries_about_target", {**_LISTED, "targets": ["thing-9"], "actors": ["user_3"]}),
    "entries_page_with_words": (
        "word_entries_pkey",
        {"type": "", "source": "", "word": "paused", "others": ["active"], "actors": [], "targets": []},
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


async def plan_of(db: Database, name: str, given: dict[str, object], generic: bool = False) -> Node:
    """The plan for these values, or the one that serves all values, by which a statement goes on once it has run a few times."""
    statement = db.queries[name]
    async with db.workspace(LOOKED_AT) as tx:
        connection = tx._connection
        if generic:
            await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE asked AS {statement.sql}")
            nothing = ", ".join("NULL" for _ in statement.parameters)
            found = await connection.fetchval(f"EXPLAIN (FORMAT json) EXECUTE asked ({nothing})")
            await connection.execute("DEALLOCATE asked")
        else:
            values = statement.arguments({**_PLACE, **given}, LOOKED_AT)
            found = await connection.fetchval(f"EXPLAIN (FORMAT json) {statement.sql}", *values)
    return cast(Node, (json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


async def empty_partitions(db: Database) -> set[str]:
    """Months that hold nothing yet: read from their beginning to their end at once."""
    async with db.workspace(LOOKED_AT) as tx:
        found = await tx._connection.fetch("SELECT relname FROM pg_class WHERE relispartition AND reltuples <= 0")
    return {str(row["relname"]) for row in found}


@pytest.mark.parametrize("generic", [False, True], ids=["these-values", "all-values"])
@pytest.mark.parametrize("name", sorted(_QUESTIONS))
async def test_a_page_is_found_in_the_order_of_its_index(log: Database, name: str, generic: bool) -> None:
    index, given = _QUESTIONS[name]
    plan = list(nodes(await plan_of(log, name, given, generic)))
    used = {str(node["Index Name"]) for node in plan if "Index Name" in node}
    # Of a partition the index has another name; its definition begins alike.
    assert any(index in one or one.endswith("_idx") for one in used), (name, used)
    assert {node["Node Type"] for node in plan} & {"Bitmap Heap Scan", "Hash Join", "Merge Join"} == set()
    assert {str(node["Relation Name"]) for node in plan if node["Node Type"] == "Seq Scan"} <= await empty_partitions(
        log
    )


@pytest.mark.parametrize("generic", [False, True], ids=["these-values", "all-values"])
async def test_words_are_looked_up_by_an_index_although_row_security_is_in_the_way(
    log: Database, generic: bool
) -> None:
    """The same question by ILIKE cannot use one: its operator might tell of rows before the policy has decided on them."""
    _, given = _QUESTIONS["entries_page_with_words"]
    plan = list(nodes(await plan_of(log, "entries_page_with_words", given, generic)))
    conditions = [str(node.get("Index Cond", "")) for node in plan if node.get("Index Name") == "word_entries_pkey"]
    # The word that is read by, and the other ones, each of which is looked up: by the workspace, the word and the second.
    assert len(conditions) >= 2
    assert all("word = " in one and "workspace_id = " in one and "since " in one for one in conditions), conditions


async def test_pages_of_a_word_sort_no_more_than_a_second(log: Database) -> None:
    _, given = _QUESTIONS["entries_page_with_words"]
    for generic in (False, True):
        plan = list(nodes(await plan_of(log, "entries_page_with_words", given, generic)))
        sorts = [node for node in plan if "Sort" in str(node["Node Type"])]
        told = [(str(node["Node Type"]), str(node.get("Presorted Key"))) for node in sorts]
        assert told == [("Incremental Sort", "['w.since']")]


async def looked_at(db: Database, wanted: Asked) -> int:
    """Blocks of tables and indexes for the first page, by the plan that serves all values; making it is some 650 of them."""
    async with db.workspace(LOOKED_AT) as tx:
        await tx._connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await reading.page(tx, Position(), 50, wanted)
        before = await tx._connection.fetchval(_BLOCKS)
        page = await reading.page(tx, Position(), 50, wanted)
        assert page.entries
        return int(await tx._connection.fetchval(_BLOCKS) - before)


@pytest.mark.parametrize(
    "wanted",
    [Asked(words=("active",), actors=("user_0",)), Asked(words=("active",), targets=("thing-0",))],
    ids=["person", "thing"],
)
async def test_a_word_is_looked_up_for_the_entries_of_the_page_only(log: Database, wanted: Asked) -> None:
    """Some 1,600 entries are by the person, 550 about the thing, and all have the word: each costs four blocks to look up."""
    assert await looked_at(log, wanted) < 2_000


async def test_a_rare_word_and_a_busy_person_are_read_through_not_looked_up(log: Database) -> None:
    """Some 200 entries have the word, 40 of them by the person: by their keys they are some 500 blocks, read through 200."""
    assert await looked_at(log, Asked(words=("word0",), actors=("user_0",))) < 1_000

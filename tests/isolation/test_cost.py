"""What the walls cost in round trips and in plans; times are measured by the proof and the benchmark, never asserted."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from database import Database, Queries
from isolation.cost.fill import states_of
from isolation.cost.hot import HOT, Asked, bare, drawn, walled
from isolation.cost.ledger import WORKSPACES, Ledger, ledger, queries, unwalled
from isolation.cost.paired import interval, seconds_of
from isolation.cost.plans import SERVICES, Judge, Looked, Node, look, statements_of
from isolation.cost.wire import wiretap
from local.postgres import ServiceDsns
from testkit.capture import unrecorded
from testkit.postgres import settings_of

# So many rows in each table that no plan reads them all.
ROWS = 8_000
_DROPPED = "DROP INDEX entries_newest, entries_of_type, entries_from_source, entries_by_actor, entries_about_target"
_AUDITS_TABLES = ("entries", "word_entries", "entry_names", "memberships")


def _names(texts: Iterable[str]) -> set[str]:
    """The statements that `texts` are about: "audit: entries_page (force_generic_plan): …"."""
    return {text.split(": ")[1].split()[0] for text in texts}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_finds_its_workspace_by_an_index(postgres_url: str, service: str) -> None:
    looked = Looked()
    await look(postgres_url, service, ROWS, looked)
    assert looked.without_index == []
    assert looked.plans > 0


async def test_what_is_left_out_looks_nothing_up(postgres_url: str) -> None:
    """Statements without a plan to look at only insert, or read no tenant table."""
    looked = Looked()
    await look(postgres_url, "audit", ROWS, looked)
    named = _names(looked.excluded)
    messages = {"scope_enter", "staff_enter", "outbox_insert", "tombstone_set", "membership_save"}
    added = {
        "workspace_keep",
        "log_erasure_add",
        "log_forget",
        "log_head_make",
        "log_redactions_add",
        "log_steps_arrive",
    }
    added |= {
        "request_claim",
        "known_api_key_save",
        "known_staff_grant_save",
        "allowances_take",
    }
    added |= {"people_forget", "person_order_set"}
    added |= {"staff_grant_ask", "staff_reads_add", "stream_add", "stream_grant_ask"}
    # The days of these are one moment here, between which nothing lies: of their plans only the generic one is looked at.
    moments = {"log_chosen"}
    assert named == messages | added | moments | {"entries_read_at"}


async def test_a_missing_index_is_found(postgres_url: str) -> None:
    looked = Looked()
    without = (
        "ALTER TABLE entries DROP CONSTRAINT entries_pkey",
        "ALTER TABLE entries ADD PRIMARY KEY (id, workspace_id)",
        _DROPPED,
        "CREATE INDEX ON entries (occurred_at)",
        "ALTER TABLE word_entries DROP CONSTRAINT word_entries_pkey",
        "ALTER TABLE word_entries ADD PRIMARY KEY (word, since, arrival_id, workspace_id)",
        "CREATE INDEX ON word_entries (since)",
        "ALTER TABLE entry_names DROP CONSTRAINT entry_names_pkey",
        "ALTER TABLE entry_names ADD PRIMARY KEY (id, kind, workspace_id)",
        "DROP INDEX entry_names_by_name",
        "ALTER TABLE memberships DROP CONSTRAINT memberships_pkey",
        "ALTER TABLE memberships ADD PRIMARY KEY (user_id, workspace_id)",
    )
    await look(postgres_url, "audit", ROWS, looked, without)
    # The log's own tables, and those whose key is the workspace alone, keep their indexes; of the others there is none by the workspace.
    wrong, left_out = _names(looked.without_index), _names(looked.excluded)
    reads = re.compile(rf"(?:FROM|JOIN|UPDATE) (?:{'|'.join(_AUDITS_TABLES)})\b")
    asking = {one.name for one in statements_of("audit") if not one.crosses_workspaces and reads.search(one.sql)}
    assert len(asking) > 10
    assert asking - left_out == wrong - left_out
    said = r"Scan of (\w+) without workspace_id in an index condition"
    assert {table for text in looked.without_index for table in re.findall(said, text)} == set(_AUDITS_TABLES)


async def test_an_index_that_forgets_the_workspace_is_found(postgres_url: str) -> None:
    """It gives the order that the page wants, and reads everybody's entries for it."""
    looked = Looked()
    await look(
        postgres_url,
        "audit",
        ROWS,
        looked,
        (
            _DROPPED,
            "ALTER TABLE entries DROP CONSTRAINT entries_pkey",
            "ALTER TABLE entries ADD PRIMARY KEY (id, workspace_id)",
            "CREATE INDEX ON entries (occurred_at DESC, id DESC)",
        ),
    )
    pages = [text for text in looked.without_index if "entries_page " in text]
    assert pages, "the page is read newest first, whatever the workspace"


@pytest.fixture
async def book(postgres_url: str) -> AsyncIterator[Ledger]:
    """A small audit log."""
    if not urlsplit(postgres_url).query:
        pytest.skip("round trips are counted on a Unix socket; CALLMINE_DATABASE_URL names a server on TCP")
    async with ledger(postgres_url, "test-cost", 2_000) as made:
        yield made


async def _round_trips(book: Ledger, asked: Asked) -> tuple[int, int]:
    """Of one transaction with the walls, and of one without; each for the second time, when the statement is prepared."""
    async with wiretap(book.settings.app_url) as scoped, wiretap(book.unwalled_url) as plain:
        with unrecorded("the measurement's own statements"):
            db = await Database.open(replace(book.settings, app_url=scoped.url), queries(), "audit")
        async with unwalled(plain.url) as other:
            counts = []
            for _ in range(2):
                before = scoped.round_trips, plain.round_trips
                await walled(db, asked)
                await bare(other, asked)
                counts.append((scoped.round_trips - before[0], plain.round_trips - before[1]))
        await db.close()
    return counts[-1]


def test_the_states_of_a_table_are_its_whole_list_whichever_check_comes_first() -> None:
    part = "CHECK ((state = ANY (ARRAY['ready'::text, 'sending'::text])) = (sealed IS NOT NULL))"
    whole = "CHECK ((state = ANY (ARRAY['waiting'::text, 'ready'::text, 'sending'::text, 'sent'::text])))"
    for definitions in (part + whole, whole + part, whole):
        assert states_of(definitions) == ["waiting", "ready", "sending", "sent"]


@pytest.mark.parametrize("name", HOT)
async def test_entering_a_scope_takes_no_round_trip(book: Ledger, name: str) -> None:
    """BEGIN, the statement, COMMIT: with the walls as without."""
    assert await _round_trips(book, drawn(HOT[name], book, random.Random(1))) == (3, 3)


async def test_both_ways_give_the_same_rows(book: Ledger) -> None:
    with unrecorded("the measurement's own statements"):
        db = await Database.open(book.settings, queries(), "audit")
    async with unwalled(book.unwalled_url) as other:
        for name, ask in HOT.items():
            if name != "insert of one":
                asked = drawn(ask, book, random.Random(2))
                rows = await walled(db, asked)
                assert rows, name
                assert rows == await bare(other, asked), name
    await db.close()


async def test_a_statement_cannot_be_run_without_walls_by_the_service(book: Ledger) -> None:
    """The way around exists for a role of the measurement only: the service's sweep role may not even read the table."""
    asked = drawn(HOT["one by id"], book, random.Random(3))
    async with unwalled(book.settings.sweep_url) as other:
        with pytest.raises(Exception, match="permission denied"):
            await bare(other, asked)


async def test_the_interval_holds_the_ratio() -> None:
    rng = random.Random(4)
    found = interval([[1.04 + rng.gauss(0, 0.02) for _ in range(100)] for _ in range(4)], rng)
    assert found.low < 1.04 < found.high
    assert found.high - found.low < 0.01


async def test_a_block_runs_each_way_twice_around_the_other() -> None:
    order: list[str] = []

    async def first() -> None:
        order.append("A")

    async def second() -> None:
        order.append("B")

    await seconds_of(first, second, flipped=False)
    await seconds_of(first, second, flipped=True)
    assert "".join(order) == "ABBABAAB"


def test_the_hot_queries_are_the_service_s_own() -> None:
    service = {one.name for one in Queries.of("database", "messaging", "audit")}
    asked = {ask(Ledger(settings_of(_NOWHERE), "", _IDS), WORKSPACES[0], random.Random(5)).name for ask in HOT.values()}
    assert asked - service == {"entry_by_id"}


_NOWHERE = ServiceDsns(owner="", app="", sweep="")
_IDS = {str(workspace): [uuid.UUID(int=1)] for workspace in WORKSPACES}


def _bitmap(kind: str, *indexes: str) -> Node:
    conditions: list[Node] = [
        {"Node Type": "Bitmap Index Scan", "Index Name": index, "Index Cond": "(workspace_id = 'org_a'::text)"}
        for index in indexes
    ]
    return {
        "Node Type": "Bitmap Heap Scan",
        "Relation Name": "notes",
        "Plans": [{"Node Type": kind, "Plans": conditions}],
    }


def _with_sub_plan(scan: Node, plan: Node) -> Node:
    """The scan with a filter that asks another plan, as PostgreSQL shows it: beside the scan's own input."""
    return {**scan, "Plans": [*scan["Plans"], {**plan, "Parent Relationship": "SubPlan"}]}


@pytest.mark.parametrize(
    ("node", "wrong"),
    [
        ({"Node Type": "Seq Scan", "Relation Name": "notes", "Filter": "(workspace_id = $1)"}, True),
        (
            {
                "Node Type": "Index Scan",
                "Relation Name": "notes",
                "Index Name": "ours",
                "Index Cond": "(workspace_id = $1)",
            },
            False,
        ),
        (
            {
                "Node Type": "Index Scan",
                "Relation Name": "notes",
                "Index Name": "ours",
                "Filter": "(workspace_id = $1)",
            },
            True,
        ),
        (
            {
                "Node Type": "Index Scan",
                "Relation Name": "notes",
                "Index Name": "other",
                "Index Cond": "(workspace_id = $1)",
            },
            True,
        ),
        (_bitmap("BitmapAnd", "ours", "other"), False),
        (_bitmap("BitmapOr", "ours", "other"), True),
        (_bitmap("BitmapOr", "ours", "ours"), False),
        (_with_sub_plan(_bitmap("BitmapOr", "ours", "ours"), {"Node Type": "Limit"}), False),
        (_with_sub_plan(_bitmap("BitmapOr", "ours", "other"), {"Node Type": "Limit"}), True),
        (
            _with_sub_plan(_bitmap("BitmapOr", "ours", "ours"), {"Node Type": "Seq Scan", "Relation Name": "notes"}),
            True,
        ),
    ],
)
def test_what_counts_as_finding_the_workspace(node: Node, wrong: bool) -> None:
    found = list(Judge(frozenset({"notes"}), frozenset({"ours"})).scans({"Node Type": "Limit", "Plans": [node]}))
    assert found, "every scan of a tenant table is judged"
    assert any(found) is wrong

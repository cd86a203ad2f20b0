"""The rows: searches of several kinds, each by all contestants in turns."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.domain.finding import Sentiment
from analysis.domain.search import FindingFilter, Place, Query
from analysis.handlers.search import PAGE, Search
from bench.harness import Row
from bench.search.archive import LARGE, VOCABULARY, archive
from chaos.server import postgres
from database import Database, DatabaseSettings, Queries
from database.connect import open_pool
from database.queries import Statement
from integration.analysis.world import TRIAL

from analysis.main import ENTERING  # isort: skip
from analysis.store import plans

if TYPE_CHECKING:
    from database.connect import Connection

_P95 = 0.95
_PRODUCT_MS = 50.0

_ANY = FindingFilter()
_FILTERED = FindingFilter(sentiment=Sentiment.NEGATIVE, rep="Rep 7")

# Words by how many of the findings have them: about a third, a hundredth, and one in ten thousand.
COMMON, SOME, RARE = VOCABULARY[0], VOCABULARY[500], VOCABULARY[15_000]

ASKED: Mapping[str, tuple[str, FindingFilter]] = {
    "a rare word": (RARE, _ANY),
    "a word in one of a hundred": (SOME, _ANY),
    "a word in every third": (COMMON, _ANY),
    "a beginning of many words": ("wa1", _ANY),
    "two words": (f"{VOCABULARY[3]} {VOCABULARY[40]}", _ANY),
    "two words beside each other": (f'"{VOCABULARY[0]} {VOCABULARY[1]}"', _ANY),
    "a common word, filtered": (COMMON, _FILTERED),
    "a rare word, filtered": (RARE, _FILTERED),
    "no such word": ("nowhere", _ANY),
}

Contestant = Callable[[str, FindingFilter], Awaitable[int]]


async def run(quick: bool) -> list[Row]:
    """A row for each kind of search."""
    others, rounds = (2_000, 40) if quick else (20_000, 200)
    with postgres() as admin_url:
        async with archive(admin_url, "bench-search", others) as stored:
            settings = DatabaseSettings(app_url=stored.dsns.app, sweep_url=stored.dsns.sweep)
            statements = Queries.of("database", "messaging", "analysis")
            db = await Database.open(settings, statements, "analysis", ENTERING)
            bare, usual = await open_pool(stored.unwalled_url, 1, "bound"), await open_pool(stored.dsns.app, 1, "usual")
            try:
                async with db.sweep() as tx:
                    await plans.set_default_plan(tx, TRIAL)
                async with bare.acquire() as first, usual.acquire() as second:
                    ways = {
                        "ours": _ours(db),
                        "alternative": _by_hand(second, statements, walled=True),
                        "bound": _by_hand(first, statements, walled=False),
                    }
                    return [await _row(name, ways, rounds) for name in ASKED]
            finally:
                await db.close()
                await bare.close()
                await usual.close()


async def _row(name: str, ways: Mapping[str, Contestant], rounds: int) -> Row:
    text, chosen = ASKED[name]
    times: dict[str, list[float]] = {way: [] for way in ways}
    hits = {way: await use(text, chosen) for way, use in ways.items()}
    if len(set(hits.values())) != 1:
        raise AssertionError(f"{name}: the contestants find {hits}")
    # The alternative takes so long that fewer rounds tell as much.
    for number in range(rounds):
        for way, use in ways.items():
            if way != "alternative" or number < max(10, rounds // 10):
                began = time.perf_counter()
                await use(text, chosen)
                times[way].append(1000 * (time.perf_counter() - began))
    slow = {way: _p95(spent) for way, spent in times.items()}
    return {"row": name, "unit": "ms, p95", **slow, "product_asks": _PRODUCT_MS, "hits": hits["ours"]}


def _p95(times: Sequence[float]) -> float:
    return round(sorted(times)[min(len(times) - 1, int(_P95 * len(times)))], 2)


def _ours(db: Database) -> Contestant:
    searching = Search(db)

    async def use(text: str, chosen: FindingFilter) -> int:
        return len((await searching.findings(LARGE, text, chosen)).hits)

    return use


def _by_hand(connection: Connection, statements: Queries, *, walled: bool) -> Contestant:
    """The same page with the words in the statement: from the table with the usual policy, or from the real one without any."""
    enter, page = statements["finding_query_enter"], statements["findings_page"]
    table = "usual_findings" if walled else "report_findings"
    sql = page.sql.replace("FROM report_findings\n", f"FROM {table}\n").replace(
        "WHERE ", "WHERE words @@ current_setting('app.finding_query')::tsquery AND ", 1
    )
    scope = f"SET LOCAL app.workspace_id = '{LARGE}'; SET LOCAL app.report_floor = '-infinity'"

    async def use(text: str, chosen: FindingFilter) -> int:
        async with connection.transaction():
            await connection.execute(scope)
            await connection.fetch(enter.sql, *_values(enter, {"query": Query.parse(text).for_postgres}))
            rows = await connection.fetch(sql, *_values(page, _asked(chosen)))
            return min(PAGE, len(rows))

    return use


def _asked(chosen: FindingFilter) -> dict[str, object]:
    first = Place.parse("")
    return {
        "before_time": first.called_at,
        "before_report": first.report_id,
        "before_number": first.number,
        **dict.fromkeys(("run_id", "report_id", "theme", "verdict", "since", "until")),
        "rep": chosen.rep or None,
        "sentiment": chosen.sentiment.value if chosen.sentiment else None,
        "limit": PAGE + 1,
    }


def _values(statement: Statement, given: Mapping[str, object]) -> list[object]:
    known = {**given, "workspace_id": LARGE}
    return [known[name] for name in statement.parameters]

"""Words and the entries they stand in: a second of one transaction in a row, forgotten one by one, kept once, moved by a migration."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from audit.domain.reading import Position
from audit.store import reading, search
from audit.store.reading import Asked
from core.ids import WorkspaceId
from database import Database, MigrationSettings, Queries, migrate
from database.migrations import Phase
from integration.audit.actions import BEGAN, HELEN, MINE, action
from integration.audit.logs import as_administrator
from integration.audit.test_filters import DIFFS, KINDS, OMAR, drawn
from local.postgres import drop, provision
from local.postgres.connection import connected
from testkit.messages import deliver
from testkit.postgres import PASSWORDS, migration_folders, settings_of
from testkit.services import Service
from testkit.tables import same_database

_ROWS = "SELECT word, since, cardinality(entries) AS entries FROM word_entries ORDER BY word, since"


async def found(db: Database, *words: str, workspace_id: WorkspaceId = MINE, size: int = 50) -> list[uuid.UUID]:
    """Ids on the pages of some words, one after the other."""
    seen: list[uuid.UUID] = []
    place: Position | None = Position()
    while place is not None:
        async with db.workspace(workspace_id) as tx:
            page = await reading.page(tx, place, size, Asked(words=words))
        seen += [entry.id for entry in page.entries]
        place = page.next
    return seen


async def test_what_happens_within_a_second_shares_a_row_and_is_found_in_order(
    audit: Service, postgres_url: str
) -> None:
    """Also where several transactions add to the same second, the later ones first."""
    events = [action(number, diff={"name": (None, '"Weekly"')}) for number in range(100)]
    await deliver(audit.consumer("audit"), *events[62:])
    await deliver(audit.consumer("audit"), *events[:62])
    rows = await as_administrator(postgres_url, audit.dsns.owner, _ROWS)
    kept = [(row["since"], row["entries"]) for row in rows if row["word"] == "weekly"]
    # Four a second; the two transactions meet within the sixteenth.
    seconds = [(second, 4) for second in range(15)] + [(15, 2), (15, 2)] + [(second, 4) for second in range(16, 25)]
    assert kept == [(BEGAN + timedelta(seconds=second), count) for second, count in seconds]
    newest = sorted(events, key=lambda one: (one.occurred_at, one.event_id.int), reverse=True)
    for size in (3, 7, 50):
        assert await found(audit.parts.db, "weekly", "name", size=size) == [one.event_id for one in newest]


@pytest.mark.parametrize("filters", list(itertools.combinations(("type", "source", "actors", "targets", "words"), 4)))
async def test_whatever_a_page_is_read_by_it_is_the_same(
    audit: Service, monkeypatch: pytest.MonkeyPatch, filters: tuple[str, ...]
) -> None:
    await deliver(audit.consumer("audit"), *drawn(160, seed=21))
    given = {
        "type": "schedule.edited",
        "source": "web",
        "actors": (HELEN.id, OMAR.id),
        "targets": ("thing-1", "thing-2"),
        "words": ("active", "status"),
    }
    wanted = Asked(**{name: given[name] for name in filters})  # type: ignore[arg-type]
    indexes = [*(["target:"] if wanted.targets else []), *(["actor:"] if wanted.actors else [])]
    # By an index, the entries of one of the words may be listed.
    ways = [(word, "") for word in wanted.words] + [(one, word) for one in indexes for word in ("", *wanted.words)]
    if not indexes:
        ways.append(("", ""))
    pages = []
    async with audit.parts.db.workspace(MINE) as tx:
        chosen = await reading.page(tx, Position(), 9, wanted)
        for way in ways:

            async def by(*_: object, way: tuple[str, str] = way) -> tuple[str, str]:
                return way

            monkeypatch.setattr(reading, "_fewest", by)
            pages.append(await reading.page(tx, Position(), 9, wanted))
    assert chosen.entries
    assert pages == [chosen] * len(ways)


async def test_a_page_is_read_by_what_takes_the_least_work(audit: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """41 entries are about the thing, 40 of them by OMAR with the word."""
    many = [action(number, diff=DIFFS[0], target_id="thing-1", actor=OMAR) for number in range(40)]
    await deliver(audit.consumer("audit"), *many, action(50, KINDS["member.added"], diff=DIFFS[2], target_id="thing-1"))
    thing, omar, word = ("thing-1",), (OMAR.id,), ("active",)
    place = Position()
    async with audit.parts.db.workspace(MINE) as tx:
        for expected, wanted in (
            ("actor:", Asked(words=word, targets=thing, actors=(HELEN.id,))),
            ("target:", Asked(actors=omar, targets=("nothing",))),
            # One more is named, but what else is asked for stands in the index.
            ("target:", Asked(words=word, targets=thing, actors=omar)),
            ("actor:", Asked(words=word, actors=omar, type="schedule.edited")),
            ("active", Asked(words=word, type="member.added")),
            ("", Asked(type="member.added", source="web")),
        ):
            assert (await reading._fewest(tx, place, wanted))[0] == expected, wanted
        # The word that fewer entries have is listed, beside an index only.
        asked = Asked(words=("format", "pdf"), targets=thing)
        assert await reading._fewest(tx, place, asked) in (("target:", "format"), ("target:", "pdf"))
        assert await reading._fewest(tx, place, Asked(words=("active", "pdf"), type="schedule.edited")) == ("pdf", "")
        # Of what names many it is not known how many: what names few goes before it, whatever it costs.
        monkeypatch.setattr(reading, "_MANY", 5)
        monkeypatch.setattr(reading, "_MANY_IN_INDEX", 5)
        for expected, wanted in (
            ("actor:", Asked(targets=thing, actors=(HELEN.id,))),
            ("target:", Asked(words=word, targets=thing, actors=omar)),
            ("", Asked(words=word, type="schedule.edited")),
        ):
            assert (await reading._fewest(tx, place, wanted))[0] == expected, wanted


@pytest.mark.parametrize(
    ("by", "named"),
    [
        ("actor:", Asked(actors=(OMAR.id,))),
        ("actor:", Asked(actors=(OMAR.id,), targets=("thing-1",))),
        ("target:", Asked(targets=("thing-1",))),
    ],
)
async def test_of_a_word_that_is_listed_beside_an_index_only_its_entries_are_shown(
    audit: Service, monkeypatch: pytest.MonkeyPatch, by: str, named: Asked
) -> None:
    diffs = [{"name": (None, '"rare"' if number % 7 == 0 else '"usual"')} for number in range(40)]
    events = [action(n, diff=diff, target_id="thing-1", actor=OMAR) for n, diff in enumerate(diffs)]
    await deliver(audit.consumer("audit"), *events)

    async def listed(*_: object) -> tuple[str, str]:
        return by, "rare"

    monkeypatch.setattr(reading, "_fewest", listed)
    async with audit.parts.db.workspace(MINE) as tx:
        page = await reading.page(tx, Position(), 50, replace(named, words=("rare", "name")))
    assert [one.id for one in page.entries] == [one.event_id for one in events[::-1] if "rare" in str(one.payload)]
    assert len(page.entries) == 6


async def test_forgetting_one_entry_keeps_the_words_of_the_others(audit: Service, postgres_url: str) -> None:
    one, other = action(0, diff={"name": ("ann", "shared")}), action(1, diff={"name": ("bob", "shared")})
    db = audit.parts.db
    await deliver(audit.consumer("audit"), one, other)
    async with db.workspace(MINE) as tx:
        await search.forget(tx, [one.event_id], [])
    assert await found(db, "ann") == []
    assert await found(db, "bob") == await found(db, "shared") == [other.event_id]
    rows = await as_administrator(postgres_url, audit.dsns.owner, _ROWS)
    assert {row["word"]: row["entries"] for row in rows} == {"bob": 1, "name": 1, "shared": 1}


async def test_keeping_words_anew_keeps_each_once(audit: Service, postgres_url: str) -> None:
    events = [action(number, diff=DIFFS[0]) for number in range(20)]
    db = audit.parts.db
    await deliver(audit.consumer("audit"), *events)
    before = await as_administrator(postgres_url, audit.dsns.owner, _ROWS)
    async with db.workspace(MINE) as tx:
        entries = (await reading.page(tx, Position(), 50)).entries
        await search.index(tx, entries)
    assert await as_administrator(postgres_url, audit.dsns.owner, _ROWS) == before
    async with db.workspace(MINE) as tx:
        await search.forget(tx, [one.id for one in entries], [])
    assert await found(db, "active") == []
    for _ in range(2):
        async with db.workspace(MINE) as tx:
            await search.index(tx, entries)
    assert await found(db, "active", "paused") == [one.id for one in entries]


async def test_the_roll_out_moves_every_word_over(postgres_url: str, tmp_path: Path) -> None:
    """Those from before it, and those that processes of before add while it lasts; neither waits for the other."""
    messaging, own = migration_folders("audit")
    shutil.copytree(own, tmp_path / "before", ignore=shutil.ignore_patterns("023*", "025*"))
    shutil.copytree(own, tmp_path / "beside", ignore=shutil.ignore_patterns("0231*", "025*"))
    name = f"test-audit-t{uuid.uuid4().hex[:20]}"
    dsns = await provision(postgres_url, "audit", PASSWORDS, name)
    add = (
        "INSERT INTO entry_words (workspace_id, word, occurred_at, id, type, source, actor_id, target_id)"
        " SELECT w, 'weekly', '2026-03-01T09:00:03Z'::timestamptz + n * interval '0.2 second',"
        " (lpad(n::text, 8, '0') || '-0000-7000-8000-000000000000')::uuid, 't', 's', 'a', 't'"
        f" FROM unnest(ARRAY['{MINE}', 'org_theirs']) AS w CROSS JOIN generate_series({{}}) AS n"
    )

    async def migrated(folder: Path, *phases: Phase) -> None:
        settings = MigrationSettings(owner_url=dsns.owner, folders=(messaging, folder))
        await asyncio.to_thread(migrate, settings, phases)

    try:
        await migrated(tmp_path / "before", Phase.PRE, Phase.POST)
        await as_administrator(postgres_url, dsns.owner, add.format("1, 12"))
        await migrated(tmp_path / "beside", Phase.PRE)
        async with connected(same_database(postgres_url, dsns)) as busy, busy.transaction():
            await busy.execute(add.format("20, 21"))
            await migrated(own, Phase.PRE)
        await as_administrator(postgres_url, dsns.owner, add.format("13, 19"))
        await migrated(own, Phase.PRE, Phase.POST)
        rows = await as_administrator(
            postgres_url,
            dsns.owner,
            "SELECT workspace_id, since, array_agg(u.n ORDER BY u.n) AS entries FROM word_entries"
            " CROSS JOIN LATERAL (SELECT substr(e::text, 1, 8)::int AS n FROM unnest(entries) AS e) u GROUP BY 1, 2 ORDER BY 1, 2",
        )
        moved = [
            (3, list(range(1, 5))),
            (4, list(range(5, 10))),
            (5, list(range(10, 15))),
            (6, list(range(15, 20))),
            (7, [20, 21]),
        ]
        began = datetime(2026, 3, 1, 9, tzinfo=UTC)
        expected = [
            (one, began + timedelta(seconds=seconds), numbers)
            for one in sorted((MINE, "org_theirs"))
            for seconds, numbers in moved
        ]
        assert [(row["workspace_id"], row["since"], row["entries"]) for row in rows] == expected
        db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "audit"), "audit")
        await db.close()
    finally:
        await drop(postgres_url, name)

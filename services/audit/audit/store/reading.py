"""Reading the log: pages of what the filters ask for, and how much of it is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit.domain.entry import Change, Entry, EntryType
from audit.domain.names import ACTOR
from audit.domain.reading import EARLIEST, TOP, Filters, Mark, Page, Position
from audit.store.search import called
from database import Row, Tx

UTC = ZoneInfo("UTC")

# "3 new entries" up to this many, "99+" beyond: the count stays cheap however busy the log is.
MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters as statements take them: names resolved to ids, days to moments. What is empty leaves a filter out."""

    type: str = ""
    source: str = ""
    actors: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    since: datetime = EARLIEST
    top: Position = TOP


EVERYTHING = Asked()


async def zone_of(tx: Tx) -> ZoneInfo:
    """The workspace's zone; UTC while nothing, or nothing that is a zone, has been told."""
    found = await tx.fetch_value("workspace_timezone")
    try:
        return ZoneInfo(str(found)) if found else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


async def keep_zone(tx: Tx, timezone: str, sequence: int) -> None:
    """Keep the zone that was told of last."""
    await tx.execute("workspace_keep", timezone=timezone, sequence=sequence)


async def asked(tx: Tx, filters: Filters, zone: tzinfo) -> Asked:
    """What `filters` ask for in the transaction's workspace, with days as they are in `zone`."""
    actors = [filters.actor, *(id_ for kind, id_ in await called(tx, filters.actor) if kind == ACTOR)]
    targets = [filters.target, *(id_ for kind, id_ in await called(tx, filters.target) if kind != ACTOR)]
    return Asked(
        type=filters.type.value if filters.type else "",
        source=filters.source.value if filters.source else "",
        actors=tuple(dict.fromkeys(actors)) if filters.actor else (),
        targets=tuple(dict.fromkeys(targets)) if filters.target else (),
        words=filters.words,
        since=filters.since(zone),
        top=filters.top(zone),
    )


async def page(tx: Tx, after: Position, size: int, wanted: Asked = EVERYTHING) -> Page:
    """At most `size` entries after a position, newest first."""
    rows = await _rows(tx, after.or_earlier(wanted.top), size + 1, wanted)
    entries = tuple(map(_entry, rows[:size]))
    more = len(rows) > size
    return Page(entries, Position(entries[-1].occurred_at, entries[-1].id) if more else None)


async def mark(tx: Tx, wanted: Asked) -> Mark:
    """This moment, by the database's clock."""
    [row] = await tx.fetch("entries_read_at")
    now = Mark(row["read_at"], 0)
    return Mark(now.read_at, await _recorded(tx, now.since, wanted, None))


async def new_since(tx: Tx, since: Mark, wanted: Asked) -> int:
    """How many entries have come in since; MOST_COUNTED stands for that many or more."""
    found = await _recorded(tx, since.since, wanted, since.seen + MOST_COUNTED)
    return max(0, found - since.seen)


async def _recorded(tx: Tx, moment: datetime, wanted: Asked, most: int | None) -> int:
    [row] = await tx.fetch(
        "entries_count_recorded",
        recorded_after=moment,
        most=most,
        type=wanted.type,
        source=wanted.source,
        actors=wanted.actors,
        targets=wanted.targets,
        words=wanted.words,
        since=wanted.since,
        until=wanted.top.occurred_at,
    )
    return int(row["entries"])


async def _rows(tx: Tx, before: Position, size: int, wanted: Asked) -> list[Row]:
    """By the filter that leaves the fewest entries, mostly: a thing, a word, a person, a type, a source."""
    place = {"before_time": before.occurred_at, "before_id": before.id, "since": wanted.since, "size": size}
    kind, source = wanted.type, wanted.source
    if wanted.words:
        others = {"type": kind, "source": source, "actors": wanted.actors, "targets": wanted.targets}
        return await tx.fetch(
            "entries_page_with_words", word=wanted.words[0], others=wanted.words[1:], **others, **place
        )
    if wanted.targets:
        others = {"type": kind, "source": source, "actors": wanted.actors}
        return await tx.fetch("entries_page_about_target", targets=wanted.targets, **others, **place)
    if wanted.actors:
        return await tx.fetch("entries_page_by_actor", actors=wanted.actors, type=kind, source=source, **place)
    if kind:
        return await tx.fetch("entries_page_of_type", type=kind, source=source, **place)
    if source:
        return await tx.fetch("entries_page_from_source", source=source, **place)
    return await tx.fetch("entries_page", **place)


def _entry(row: Row) -> Entry:
    diff = tuple(Change(field, sides.get("before"), sides.get("after")) for field, sides in row["diff"].items())
    return Entry(**{**dict(row), "type": EntryType(row["type"]), "diff": diff})

"""Reading the log: pages of what the filters ask for, and how much of it is new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from audit.domain.entry import Change, Entry, EntryType
from audit.domain.names import ACTOR
from audit.domain.reading import EARLIEST, TOP, Filters, Mark, Page, Position
from audit.store.search import called
from database import Row, Tx

UTC = ZoneInfo("UTC")

# "3 new entries" up to this many, "99+" beyond: the count stays cheap however busy the log is.
MOST_COUNTED = 100

# What a filter names is counted no further than this: one that names as many as this of the entries leaves few of them out, or the log is
# so long that counting on would take longer than reading by another filter.
_MANY = 2_000

# The same of people and things, whose entries cost next to nothing where a word has few entries, which are then listed.
_MANY_IN_INDEX = 10_000

# Blocks that are looked at for an entry by its key, or for a word by its second; for an entry that an index leads to; for one that the
# index itself decides on. And which part of entries another filter leaves, as a rule.
_LOOKED_UP, _IN_TABLE, _IN_INDEX, _LEFT = 4.0, 1.0, 0.05, 0.2

# What stands for the two filters beside words, none of which has a colon.
_TARGET, _ACTOR = "target:", "actor:"


class Asked(Struct, frozen=True):
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
    """By the filter that leaves the fewest entries; the others are asked of each of them."""
    place = {"before_time": before.occurred_at, "before_id": before.id, "since": wanted.since, "size": size}
    kind, source = wanted.type, wanted.source
    by, rarest = await _fewest(tx, before, wanted)
    words = [word for word in wanted.words if word not in {by, rarest}]
    if by in wanted.words:
        others = {"type": kind, "source": source, "actors": wanted.actors, "targets": wanted.targets}
        return await tx.fetch("entries_page_with_words", word=by, others=words, **others, **place)
    listed = {"rarest": rarest, "words": words}
    if by == _TARGET:
        others = {"type": kind, "source": source, "actors": wanted.actors, **listed}
        return await tx.fetch("entries_page_about_target", targets=wanted.targets, **others, **place)
    if by == _ACTOR:
        asked_for = {"actors": wanted.actors, "type": kind, "source": source, **listed, **place}
        if wanted.targets:
            return await tx.fetch("entries_page_by_actor_about", targets=wanted.targets, **asked_for)
        return await tx.fetch("entries_page_by_actor", **asked_for)
    if kind:
        return await tx.fetch("entries_page_of_type", type=kind, source=source, words=words, **place)
    if source:
        return await tx.fetch("entries_page_from_source", source=source, words=words, **place)
    return await tx.fetch("entries_page", **place)


async def _fewest(tx: Tx, before: Position, wanted: Asked) -> tuple[str, str]:
    """The filter to read by: a word, _TARGET, _ACTOR, or "" for the type or the source, or for none. And, beside _TARGET and _ACTOR, a word
    whose entries are few enough to be listed, "" where none is.

    Which one names few entries differs from workspace to workspace: a word may stand in every diff, one person do nearly everything. The
    one goes first by which a page is read with the least work; where each names many, pages fill soon.
    """
    named = [*([_TARGET] if wanted.targets else []), *([_ACTOR] if wanted.actors else []), *wanted.words]
    if len(named) + bool(wanted.words and (wanted.type or wanted.source)) < 2:
        return (named[0] if named else ""), ""
    many = _MANY_IN_INDEX if wanted.words else _MANY
    rows = await tx.fetch(
        "entries_count_each",
        words=wanted.words,
        targets=wanted.targets,
        actors=wanted.actors,
        before_time=before.occurred_at,
        since=wanted.since,
        most_words=_MANY,
        most=many,
    )
    counts = {row["word"]: row["entries"] for row in rows}
    few = [one for one in named if counts[one] < (_MANY if one in wanted.words else many)]
    rarest = min((one for one in few if one in wanted.words), key=lambda one: counts[one], default="")
    if few:
        by = min(few, key=lambda one: _work(one, counts, wanted, rarest))
        return by, (rarest if by not in wanted.words else "")
    return ("" if named[0] in wanted.words and (wanted.type or wanted.source) else named[0]), ""


def _work(by: str, counts: Mapping[str, int], wanted: Asked, rarest: str) -> float:
    """Blocks looked at for the entries that a filter names, until it is known which of them the others ask for as well.

    A word leads to the entries by their keys. The index of things holds all others but words, that of people all but words and things; of
    a rare word all entries are listed, which leaves few. Words are looked up for what the rest leaves.
    """
    rest = [wanted.type, wanted.source, wanted.targets if by != _TARGET else "", wanted.actors if by != _ACTOR else ""]
    asked_of = _LOOKED_UP * _LEFT ** sum(map(bool, rest))
    if by in wanted.words:
        return counts[by] * (_LOOKED_UP + asked_of * (len(wanted.words) - 1))
    read = _IN_TABLE if by == _ACTOR and wanted.targets else _IN_INDEX
    if rarest:
        # Both are read through; what they share is no more than the shorter has.
        shared = _LEFT * min(counts[by], counts[rarest])
        return counts[by] * read + counts[rarest] * _IN_INDEX + shared * asked_of * (len(wanted.words) - 1)
    return counts[by] * (read + asked_of * len(wanted.words))


def _entry(row: Row) -> Entry:
    diff = tuple(Change(field, sides.get("before"), sides.get("after")) for field, sides in row["diff"].items())
    return Entry(**{**dict(row), "type": EntryType(row["type"]), "diff": diff})

"""The log's statements within a workspace, as functions."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from audit.domain import Change, Entry, EntryType
from audit.log.leaf import PERSONS, Erasure, Part, Recorded
from audit.log.tree import Node, Range
from audit.store.reading import Asked
from database import Row, Tx

_LOWEST = uuid.UUID(int=0)


class Head(Struct, frozen=True):
    """A log's state: its range, its signed checkpoint, and how often something was erased."""

    range: Range = field(default_factory=Range)
    checkpoint: str = ""
    epoch: int = 0


class Redaction(Struct, frozen=True):
    """What stands for an erased part, and the request that had it erased."""

    commitment: bytes
    request_id: str


class Anchor(Struct, frozen=True):
    """A checkpoint of the workspace in the global log."""

    size: int
    checkpoint: str
    blind: bytes
    global_index: int


async def head(tx: Tx) -> Head:
    """The log's state, of its range only the size; that of an empty log where nothing was sealed yet."""
    row = await tx.fetch_one("log_head")
    return Head() if row is None else Head(Range(row["size"]), row["checkpoint"], row["epoch"])


async def take_keys(tx: Tx, fresh: Mapping[str, bytes]) -> tuple[dict[str, bytes], int]:
    """The keys of the subjects of `fresh`, which are made with its keys where there are none; and the epoch.

    A key that another transaction has just made is missing: ask again.
    """
    rows = await tx.fetch("log_keys_take", subjects=list(fresh), keys=list(fresh.values()))
    return {row["subject"]: row["key"] for row in rows}, rows[0]["epoch"] if rows else 0


async def read_keys(tx: Tx, subjects: Iterable[str]) -> tuple[dict[str, bytes], int]:
    """The keys of those subjects that have one, and the epoch."""
    rows = await tx.fetch("log_keys_read", subjects=sorted(subjects))
    return {row["subject"]: row["key"] for row in rows if row["key"] is not None}, rows[0]["epoch"]


async def forget_key(tx: Tx, subject: str) -> None:
    """Delete a subject's key."""
    await tx.execute("log_keys_delete", subject=subject)


async def forget_all_keys(tx: Tx) -> None:
    """Delete the workspace's keys."""
    await tx.execute("log_keys_delete_all")


async def stale(tx: Tx, limit: int) -> list[tuple[uuid.UUID, list[uuid.UUID]]]:
    """Arrivals that need new leaves: their ids and those of their entries."""
    return [(row["id"], row["entries"]) for row in await tx.fetch("log_arrivals_stale", limit=limit)]


async def renew(tx: Tx, arrival: uuid.UUID, leaves: bytes, epoch: int) -> None:
    """Give an arrival new leaves."""
    await tx.execute("log_arrivals_renew", id=arrival, leaves=leaves, epoch=epoch)


async def waiting(tx: Tx) -> int:
    """How many entries have no place yet."""
    found = await tx.fetch_value("log_arrivals_waiting")
    assert isinstance(found, int)  # noqa: S101 - what the statement casts to
    return found


async def begin_erasing(tx: Tx) -> Head:
    """Keep the log from growing until the end of the transaction and begin a new epoch. The range is empty but for its size."""
    await tx.execute("log_head_make")
    row = await tx.fetch_one("log_head_erasing")
    assert row is not None  # noqa: S101 - it was made just before
    return Head(Range(row["size"]), epoch=row["epoch"])


async def seals(tx: Tx, first_index: int, end: int) -> list[tuple[int, list[uuid.UUID]]]:
    """The seals that hold positions from `first_index` to `end` - 1: first position, ids."""
    rows = await tx.fetch("log_seals_from", first_index=first_index, end_index=end)
    return [(row["first_index"], row["entries"]) for row in rows]


async def positions(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """The positions of those entries that have one."""
    return {row["id"]: row["position"] for row in await tx.fetch("log_positions", ids=ids)}


async def tiles(tx: Tx, wanted: Iterable[Node]) -> dict[Node, bytes]:
    """Tiles by level and number, as far as there are any."""
    named = sorted(set(wanted))
    rows = await tx.fetch("log_tiles_read", levels=[one[0] for one in named], numbers=[one[1] for one in named])
    return {(row["level"], row["number"]): row["hashes"] for row in rows}


async def entries(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Recorded]:
    """Entries by id, as far as they are there."""
    return {row["id"]: _recorded(row) for row in await tx.fetch("log_entries", ids=ids)}


async def chosen(tx: Tx, ids: Sequence[uuid.UUID], wanted: Asked) -> set[uuid.UUID]:
    """Those of some entries that the filters ask for."""
    rows = await tx.fetch(
        "log_chosen",
        ids=ids,
        type=wanted.type,
        source=wanted.source,
        actors=wanted.actors,
        targets=wanted.targets,
        words=wanted.words,
        since=wanted.since,
        until=wanted.top.occurred_at,
    )
    return {row["id"] for row in rows}


async def strays(tx: Tx, limit: int) -> list[Row]:
    """Entries that nobody recorded as entries are recorded: id, type, recorded_at."""
    return await tx.fetch("log_strays", limit=limit)


async def erasures(tx: Tx) -> list[Erasure]:
    """All erasures, oldest first."""
    return [_erasure(row) for row in await tx.fetch("log_erasures_all")]


async def erasure_of(tx: Tx, request_id: str) -> Erasure | None:
    """The erasure that answers a request."""
    row = await tx.fetch_one("log_erasure_of_request", request_id=request_id)
    return None if row is None else _erasure(row)


async def add_erasure(tx: Tx, erasure: Erasure, leaf: bytes, epoch: int) -> None:
    """Record an erasure and queue it for the log."""
    await tx.execute(
        "log_erasure_add",
        id=erasure.id,
        request_id=erasure.request_id,
        scope=erasure.scope,
        firsts=[first for first, _ in erasure.positions],
        lasts=[last for _, last in erasure.positions],
        erased_at=erasure.erased_at,
        leaf=leaf,
        epoch=epoch,
    )


async def redactions(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, Part], Redaction]:
    """What was erased of some entries."""
    rows = await tx.fetch("log_redactions_of", ids=ids)
    return {(row["entry_id"], Part(row["part"])): Redaction(row["commitment"], row["request_id"]) for row in rows}


async def redact(tx: Tx, erased: Mapping[tuple[uuid.UUID, Part], bytes], erasure_id: uuid.UUID) -> None:
    """Remove parts of entries; their commitments stay."""
    await tx.execute(
        "log_redactions_add",
        entry_ids=[entry for entry, _ in erased],
        parts=[part.value for _, part in erased],
        commitments=list(erased.values()),
        erasure_id=erasure_id,
    )
    ids = sorted({entry for entry, _ in erased})
    await tx.execute(
        "log_entries_redact",
        ids=ids,
        actors=[(one, Part.ACTOR) in erased for one in ids],
        targets=[(one, Part.TARGET) in erased for one in ids],
    )


async def blank(tx: Tx, parts: Mapping[uuid.UUID, Collection[Part]]) -> None:
    """Empty parts of entries that have no place in the log yet."""
    await tx.execute(
        "log_entries_redact",
        ids=list(parts),
        actors=[Part.ACTOR in some for some in parts.values()],
        targets=[Part.TARGET in some for some in parts.values()],
    )


async def forget(tx: Tx, person: bytes, until: datetime) -> None:
    """Remember whom the log was asked to forget."""
    await tx.execute("log_forget", person=person, until=until)


async def forgotten(tx: Tx) -> dict[bytes, datetime]:
    """Whom the log was asked to forget, and until when."""
    return {row["person"]: row["until"] for row in await tx.fetch("log_forgotten_all")}


async def count_entries(tx: Tx) -> int:
    """How many entries there are."""
    found = await tx.fetch_value("log_entries_count")
    assert isinstance(found, int)  # noqa: S101 - what count gives
    return found


async def delete_entries(tx: Tx) -> int:
    """Remove all entries; how many."""
    return await tx.execute("log_entries_delete")


async def tells_of(tx: Tx, person: str) -> bool:
    """Whether anything tells of a person."""
    rows = await tx.fetch("log_entries_of_person", person=person, kinds=sorted(PERSONS), after=_LOWEST, limit=1)
    return bool(rows)


async def of_person(tx: Tx, person: str, limit: int) -> list[Recorded]:
    """Everything that tells of a person, page by page."""
    found: list[Recorded] = []
    after = _LOWEST
    while True:
        rows = await tx.fetch("log_entries_of_person", person=person, kinds=sorted(PERSONS), after=after, limit=limit)
        found += [_recorded(row) for row in rows]
        if len(rows) < limit:
            return found
        after = rows[-1]["id"]


async def latest_anchor(tx: Tx) -> Anchor | None:
    """The last checkpoint of the workspace in the global log."""
    row = await tx.fetch_one("log_anchor_latest")
    return None if row is None else Anchor(**dict(row))


def _recorded(row: Row) -> Recorded:
    values = dict(row)
    recorded_at = values.pop("recorded_at")
    diff = tuple(Change(name, sides.get("before"), sides.get("after")) for name, sides in values.pop("diff").items())
    return Recorded(Entry(**{**values, "type": EntryType(values["type"]), "diff": diff}), recorded_at)


def _erasure(row: Row) -> Erasure:
    runs = tuple(zip(row["firsts"], row["lasts"], strict=True))
    return Erasure(row["id"], row["request_id"], row["scope"], runs, row["erased_at"])

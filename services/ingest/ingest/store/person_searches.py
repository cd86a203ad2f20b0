"""Searches for a person: what retention asks, how far each is, and what it reads."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from msgspec import Struct

from contracts.person_erasing import Search
from core.ids import WorkspaceId
from database import Database, Row, Tx
from ingest.domain.calls import CallId

Source = Literal["listed_calls", "run_pages", "run_calls", "held_calls"]

SOURCES: tuple[Source, ...] = ("listed_calls", "run_pages", "run_calls", "held_calls")
"""What is read, in the order in which a call goes through it: one that moves on meanwhile is found there."""


_NO_RUN = uuid.UUID(int=0)


class DueSearch(Struct, frozen=True):
    """A search that is to be carried on: one attempt of an erasure."""

    workspace_id: WorkspaceId
    erasure_id: uuid.UUID
    attempt: int

    @property
    def key(self) -> Mapping[str, object]:
        """What its row is found by."""
        return {"erasure_id": self.erasure_id, "attempt": self.attempt}


class Place(Struct, frozen=True):
    """Behind which row of a source a search goes on: a run, where its rows are of runs, and the rest of the key."""

    source: Source
    after_run: uuid.UUID
    after_key: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a search is. `barrier`: every transaction that had not seen what it holds has a lower number; None at first."""

    email: str = field(repr=False)
    stage: str
    place: Place
    barrier: int | None


class Kept(Struct, frozen=True):
    """What is kept of a call: its metadata, packed, or the object that holds it, as name and SHA-256."""

    call_id: CallId
    metadata: bytes | None = None
    stored: tuple[str, str] | None = None


class Stretch(Struct, frozen=True):
    """Some of what a source has, and where it goes on; None behind its last row."""

    kept: Sequence[Kept]
    next: Place | None


async def ask(tx: Tx, asked: Search) -> None:
    """Note that retention asks for a search; one that is asked for anew begins anew."""
    await tx.execute("person_search_ask", erasure_id=asked.erasure_id, attempt=asked.attempt, email=asked.email)
    await tx.execute("person_finds_forget", erasure_id=asked.erasure_id, attempt=asked.attempt)


async def due(db: Database, most: int) -> list[DueSearch]:
    """Searches that are to be carried on, in any workspace, those first that wait longest."""
    async with db.sweep() as tx:
        rows = await tx.fetch("person_searches_due", most=most)
    return [DueSearch(WorkspaceId(row["workspace_id"]), row["erasure_id"], row["attempt"]) for row in rows]


async def claim(tx: Tx, one: DueSearch, seconds: float) -> int | None:
    """Take a search that is due for so many seconds; the fence of all that is written for it, None where somebody else has it."""
    return cast("int | None", await tx.fetch_value("person_search_claim", **one.key, seconds=seconds))


async def held(tx: Tx, one: DueSearch, fence: int) -> Standing | None:
    """How far the search is, locked until the transaction ends; None where it is another worker's now, or answered."""
    row = await tx.fetch_one("person_search_held", **one.key, fence=fence)
    if row is None:
        return None
    place = Place(row["source"], row["after_run"], row["after_key"])
    return Standing(row["email"], row["stage"], place, row["barrier"])


async def read_on(tx: Tx, one: DueSearch, fence: int, place: Place, seconds: float) -> None:
    """Note where the search goes on, and keep it for so many seconds more."""
    await tx.execute(
        "person_search_read_on",
        **one.key,
        fence=fence,
        source=place.source,
        after_run=place.after_run,
        after_key=place.after_key,
        seconds=seconds,
    )


async def hold(tx: Tx, one: DueSearch, fence: int) -> None:
    """Let nothing more be added for what was found, once this is committed."""
    await tx.execute("person_finds_hold", **one.key)
    await tx.execute("person_finds_forget", **one.key)
    await tx.execute("person_search_hold", **one.key, fence=fence)


async def bar(tx: Tx, one: DueSearch, fence: int, barrier: int) -> None:
    """Note from which transaction on everybody has seen what is held."""
    await tx.execute("person_search_bar", **one.key, fence=fence, barrier=barrier)


async def later(tx: Tx, one: DueSearch, fence: int, seconds: float) -> None:
    """Carry on in so many seconds."""
    await tx.execute("person_search_later", **one.key, fence=fence, seconds=seconds)


async def answered(tx: Tx, one: DueSearch, fence: int, rows: Mapping[str, int]) -> None:
    """Forget whom it looked for; `rows`, by table, were erased, which the erasure's answer tells."""
    await tx.execute("person_finds_forget", **one.key)
    await tx.execute("person_search_answered", **one.key, fence=fence, rows=dict(rows))


async def untold(tx: Tx, erasure_id: uuid.UUID, attempt: int) -> Mapping[str, int]:
    """What the search of an attempt has erased, by table; told once."""
    key = DueSearch(tx.workspace_id, erasure_id, attempt).key
    rows = await tx.fetch_value("person_search_rows", **key)
    if rows:
        await tx.execute("person_search_told", **key)
    return cast("Mapping[str, int]", rows or {})


async def add(tx: Tx, one: DueSearch, call_ids: Sequence[CallId]) -> None:
    """Note calls of Gong's in which the person took part."""
    await tx.execute("person_finds_add", **one.key, call_ids=list(call_ids))


async def count(tx: Tx, one: DueSearch) -> int:
    """How many calls were found, those that are held already among them."""
    return cast(int, await tx.fetch_value("person_finds_count", **one.key))


async def stretch(tx: Tx, place: Place, most: int) -> Stretch:
    """So many rows of what is kept, behind a place."""
    rows = await _rows(tx, place, most)
    kept = [one for row in rows for one in _kept(row)]
    return Stretch(kept, _behind(place.source, rows[-1]) if len(rows) == most else _next_source(place.source))


async def _rows(tx: Tx, place: Place, most: int) -> list[Row]:
    run, key = place.after_run, place.after_key
    if place.source == "held_calls":
        return await tx.fetch("person_reads_held_calls", after_key=key, most=most)
    if place.source == "run_calls":
        return await tx.fetch("person_reads_run_calls", after_run=run, after_key=key, most=most)
    if place.source == "run_pages":
        return await tx.fetch("person_reads_run_pages", after_run=run, after_number=int(key or "0"), most=most)
    return await tx.fetch("person_reads_listed_calls", after_key=key, most=most)


def _kept(row: Row) -> list[Kept]:
    """What one row has of calls that has to be looked at."""
    if "call_ids" in row:
        return [Kept(CallId(one), packed) for one, packed in zip(row["call_ids"], row["metadata"], strict=True)]
    call_id, metadata = CallId(row["call_id"]), row.get("metadata")
    if metadata is not None:
        return [Kept(call_id, metadata)]
    if row.get("object_name") and not row.get("is_held"):
        return [Kept(call_id, stored=(row["object_name"], row["sha256"]))]
    return []


def _behind(source: Source, row: Row) -> Place:
    key = str(row["number"]) if source == "run_pages" else row["call_id"]
    return Place(source, row.get("run_id", _NO_RUN), key)


def _next_source(source: Source) -> Place | None:
    behind = SOURCES[SOURCES.index(source) + 1 :]
    return Place(behind[0], _NO_RUN, "") if behind else None

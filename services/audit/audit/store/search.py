"""What is found by words and names: kept beside the entries, in the transaction that adds them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from audit.domain.entry import Entry
from audit.domain.names import ACTOR, Named, names_told
from audit.domain.words import diff_words
from audit.store.joining import joined
from core.ids import WorkspaceId, uuid7
from database import Batch, Tx

# A name that more than these have is no way to tell them apart.
_MOST_NAMESAKES = 20

# The list to choose people from; who is not on it is found by typing.
MOST_LISTED = 200


async def index(tx: Tx, entries: Sequence[Entry]) -> None:
    """Keep words and names of `entries` that are in the log already; what is kept already stays as it is."""
    words = [(word, entry) for entry in entries for word in sorted(diff_words(entry.diff))]
    await tx.execute(
        "words_add",
        words=[word for word, _ in words],
        times=[entry.occurred_at for _, entry in words],
        ids=[entry.id for _, entry in words],
    )
    await keep_names(tx, entries)


async def keep_names(tx: Tx, entries: Sequence[Entry]) -> None:
    """Keep what `entries` call people and things."""
    await tx.execute("names_keep_enter", **_named(_told(entries)))


async def keep_names_each(batch: Batch, told: Mapping[WorkspaceId, Sequence[Entry]]) -> None:
    """The same in several workspaces, in one round trip."""
    values = [_named(_told(entries)) for entries in told.values()]
    each = {name: [one[name] for one in values] for name in (values[0] if values else ())}
    await batch.enter_each("names_keep_enter", list(told), **each)


def _named(names: Sequence[Named]) -> dict[str, object]:
    """Names as columns."""
    columns = {
        "kinds": [named.kind for named in names],
        "ids": [named.id for named in names],
        "names": [named.name for named in names],
    }
    times, events = [named.told_at for named in names], [named.told_by for named in names]
    return {**joined(columns), "times": times, "events": events}


async def forget(tx: Tx, entries: Sequence[uuid.UUID], named: Sequence[str]) -> None:
    """Remove the words of erased `entries`, and the names of erased people and things."""
    if entries:
        await tx.execute("words_remove", ids=entries, arrival_id=uuid7())
    await tx.execute("names_remove", ids=named)


async def called(tx: Tx, name: str) -> list[tuple[str, str]]:
    """Kind and id of who and what is called `name`; nobody is called nothing."""
    if not name:
        return []
    rows = await tx.fetch("names_called", name=name, most=_MOST_NAMESAKES)
    return [(row["kind"], row["id"]) for row in rows]


async def names_of(tx: Tx, entries: Sequence[Entry]) -> Mapping[tuple[str, str], str]:
    """What the targets of `entries` are called, by kind and id."""
    asked = sorted({(entry.target_kind, entry.target_id) for entry in entries})
    rows = await tx.fetch("names_of", kinds=[kind for kind, _ in asked], ids=[id_ for _, id_ in asked])
    return {(row["kind"], row["id"]): row["name"] for row in rows}


async def actors(tx: Tx) -> list[tuple[str, str]]:
    """Id and name of those who have done something, by name; at most MOST_LISTED."""
    rows = await tx.fetch("names_of_kind", kind=ACTOR, most=MOST_LISTED)
    return [(row["id"], row["name"]) for row in rows]


def _told(entries: Sequence[Entry]) -> list[Named]:
    """One name for each thing, in an order that two transactions share, so that neither waits for the other in a circle."""
    found: dict[tuple[str, str], Named] = {}
    for entry in entries:
        for named in names_told(entry):
            key = named.kind, named.id
            known = found.get(key)
            if known is None or (known.told_at, known.told_by) < (named.told_at, named.told_by):
                found[key] = named
    return [found[key] for key in sorted(found)]

"""People whom a workspace's log was asked to forget, and what arrives of them afterwards.

A message may be delivered for the first time long after what it tells of. What happened before somebody was forgotten is then emptied of
what tells of them before it gets its place in the log: no commitment to it is ever made, and no record of an erasure is needed. What the
same person does later is recorded like anybody's. Whoever makes leaves looks here; where somebody is forgotten all leaves are made when
they are sealed (`entries_record_enter`), so that none gets past.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from hmac import digest

from audit.log import store
from audit.log.keys import made
from audit.log.leaf import NOBODY, Part, Recorded, subject
from audit.store import search
from database import Tx

_FORGOTTEN = b"forgotten\n"


async def forget(tx: Tx, person: str, until: datetime) -> None:
    """Remember that the transaction's workspace is to forget `person`, of what happened until a moment. Raises Transient."""
    await store.forget(tx, _mark(await _key(tx), person), until)


async def without_forgotten(tx: Tx, entries: Mapping[uuid.UUID, Recorded]) -> Mapping[uuid.UUID, Recorded]:
    """`entries`, which have no place in the log yet, without what tells of people who are forgotten; in the database as well, with words
    and names. Raises Transient.
    """
    forgotten = await store.forgotten(tx)
    if not forgotten:
        return entries
    key, late, people = await _key(tx), dict[uuid.UUID, list[Part]](), set[str]()
    for one, recorded in entries.items():
        for part in Part:
            person = subject(recorded.entry, part)
            until = forgotten.get(_mark(key, person)) if person != NOBODY else None
            if until is not None and recorded.entry.occurred_at <= until:
                late.setdefault(one, []).append(part)
                people.add(person)
    if not late:
        return entries
    await store.blank(tx, late)
    await search.forget(tx, [one for one, parts in late.items() if Part.TARGET in parts], sorted(people))
    return {**entries, **await store.entries(tx, list(late))}


async def _key(tx: Tx) -> bytes:
    return (await made(tx, {NOBODY})).of[NOBODY]


def _mark(key: bytes, person: str) -> bytes:
    return digest(key, _FORGOTTEN + person.encode(), "sha256")

"""Erasing what tells of a person, or a whole workspace, so that the proofs of all else go on to hold.

Of a person's entries the parts that tell of the person are emptied; their commitments stay, and the key their salts came from is deleted,
after which nothing can be guessed from them. Neither words nor names lead to them any more, and what happened before and arrives later is
emptied before it is sealed (`audit.log.forgetting`). Of a workspace all entries and keys go. The erasure itself is a leaf of the log: it
names the request and the positions concerned, so that nobody can hide an entry and call it erased.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from audit.domain import Entry
from audit.log import forgetting, store
from audit.log.leaf import Erasure, Part, commitment, erasure_leaf, runs, subject
from audit.store import search
from core.errors import InvalidInput, Transient
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from database import Database, Tx

_PAGE = 1000

# Entries that arrive while a person's are erased are sealed first; so often it is tried before somebody has to ask again.
_TRIES = 5

_LONGEST_REQUEST = 200

Seal = Callable[[], Awaitable[int]]

Counted = Callable[[Tx, int], Awaitable[None]]


async def erase(
    db: Database,
    seal: Seal,
    workspace_id: WorkspaceId,
    request_id: str,
    person: str = "",
    counted: Counted | None = None,
) -> Erasure:
    """Erase a person's part of the workspace's log, or all of it where none is named; once for each request.

    `seal` gives everything that has arrived its place; `counted` is told how many entries told of the person, in the transaction that
    empties them. Raises InvalidInput, and Transient where entries keep arriving.
    """
    if not request_id.strip() or len(request_id) > _LONGEST_REQUEST:
        raise InvalidInput(f"an erasure names the request it answers, with at most {_LONGEST_REQUEST} characters")
    for _ in range(_TRIES):
        await seal()
        try:
            async with db.workspace(workspace_id) as tx:
                erasure = await store.erasure_of(tx, request_id) or await _erased(tx, request_id, person, counted)
                reach("audit.erase.before_commit")
        except _Unsealed:
            continue
        reach("audit.erase.after_commit")
        await seal()
        return erasure
    raise Transient("entries keep arriving while they are to be erased; it will be tried again")


class _Unsealed(Exception):
    """An entry that is to be erased has no place in the log yet."""


async def _erased(tx: Tx, request_id: str, person: str, counted: Counted | None) -> Erasure:
    head = await store.begin_erasing(tx)
    concerned = await store.of_person(tx, person, _PAGE) if person else []
    if person:
        places = await store.positions(tx, [one.entry.id for one in concerned])
        if len(places) < len(concerned):
            raise _Unsealed
        positions = runs(sorted(places.values()))
    else:
        if await store.waiting(tx):
            raise _Unsealed
        positions = ((0, head.range.size - 1),) if head.range.size else ()
    scope = "person" if person else "workspace"
    erasure = Erasure(uuid7(), request_id, scope, positions, datetime.now(UTC))
    await store.add_erasure(tx, erasure, erasure_leaf(tx.workspace_id, erasure), head.epoch)
    if person:
        await _forget(tx, person, [one.entry for one in concerned], erasure)
        if counted is not None:
            await counted(tx, len(concerned))
    else:
        await store.delete_entries(tx)
        await store.forget_all_keys(tx)
    return erasure


async def _forget(tx: Tx, person: str, entries: Sequence[Entry], erasure: Erasure) -> None:
    """Empty what tells of the person, keep the commitments, delete the key.

    What the entries are found by goes as well, and what is still on its way will not tell of the person either.
    """
    keys, _ = await store.read_keys(tx, [person])
    for start in range(0, len(entries), _PAGE):
        some = entries[start : start + _PAGE]
        gone = {
            (entry.id, part): commitment(keys[person], entry, part)
            for entry in some
            for part in Part
            if subject(entry, part) == person
        }
        await store.redact(tx, gone, erasure.id)
        # Words are those of diffs, which are a part of what was done to somebody.
        await search.forget(tx, [entry.id for entry in some if (entry.id, Part.TARGET) in gone], [person])
    await search.forget(tx, [], [person])
    await store.forget_key(tx, person)
    await forgetting.forget(tx, person, erasure.erased_at)

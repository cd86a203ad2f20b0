"""Retention asks for a person's data to be erased from the log: each id, once for each attempt, and the proofs go on to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from audit.domain import Entry
from contracts.person_erasing import PersonAnswer
from integration.analysis.test_api_manners import Died, dying_at
from integration.audit.logs import Logs, entries
from integration.erasure.asking import FIRST, Asking, asked, told
from integration.erasure.place import ACME, RIVAL, Place, place_in
from testkit.postgres import NewDatabase

GONE = "user_1"


@pytest.fixture
async def place(new_database: NewDatabase, postgres_url: str) -> AsyncIterator[Place]:
    """A log of two workspaces with real entries in it."""
    async with place_in("audit", await new_database("audit"), postgres_url) as opened:
        await opened.admin.execute(
            "DELETE FROM entries; DELETE FROM entry_names; DELETE FROM word_entries; DELETE FROM log_keys"
        )
        for workspace in (ACME, RIVAL):
            await Logs(opened.db).record(workspace, done())
        await Logs(opened.db).sealer.drain()
        yield opened


def done() -> list[Entry]:
    """What people did, to each other and to the workspace."""
    return [one for one in entries(12) if one.actor_kind != "system"]


async def concerned(place: Place) -> int:
    """How many entries tell of the person."""
    return int(
        await place.admin.fetchval(
            "SELECT count(*) FROM entries WHERE workspace_id = $1 AND (actor_id = $2 OR target_id = $2)", ACME, GONE
        )
    )


async def hers(place: Place) -> set[str]:
    """Tables of the log with a row that has the id."""
    return {name for name, rows in (await place.rows(ACME)).items() if any(GONE in row for row in rows)}


async def leaves(place: Place) -> list[str]:
    """The requests that erasures in the log name."""
    rows = await place.admin.fetch(
        "SELECT request_id FROM log_erasures WHERE workspace_id = $1 ORDER BY erased_at", ACME
    )
    return [row["request_id"] for row in rows]


def told_rows(answers: list[PersonAnswer]) -> list[tuple[int, dict[str, int]]]:
    return [(one.attempt, dict(one.rows)) for one in answers]


async def test_a_person_is_erased_and_the_log_still_verifies(place: Place) -> None:
    theirs, many = await place.rows(RIVAL), await concerned(place)
    assert many > 0
    asking = Asking.of(place)
    await asking.hear(told(asked(people=(GONE, "user_nobody"))))
    await asking.work()
    assert told_rows(await asking.answers()) == [(1, {"entries": many})]
    assert await hers(place) == set()
    # Nobody is named, and who never did anything has no leaf.
    assert await leaves(place) == [f"{FIRST} 1.1.1"]
    after = await place.rows(RIVAL)
    assert {name for name in theirs if theirs[name] != after[name]} <= {"log_heads", "log_anchors"}
    assert (await Logs(place.db).check(ACME)).findings == []


async def test_what_comes_late_is_erased_by_the_next_attempt_and_else_there_is_no_leaf(place: Place) -> None:
    asking = Asking.of(place)
    await asking.hear(told(asked(people=(GONE,))))
    await asking.work()
    await asking.hear(told(asked(2, people=(GONE,))))
    await asking.work()
    # What somebody did to the person since.
    await place.admin.execute("UPDATE log_forgotten SET until = '2026-01-01Z'")
    await Logs(place.db).record(ACME, done())
    many = await concerned(place)
    assert many > 0
    for attempt in (3, 3):
        await asking.hear(told(asked(attempt, people=(GONE,))))
        await asking.work()
    assert [(attempt, rows) for attempt, rows in told_rows(await asking.answers())][1:] == [
        (2, {}),
        (3, {"entries": many}),
        (3, {}),
    ]
    assert await leaves(place) == [f"{FIRST} 1.1.1", f"{FIRST} 3.1.1"]
    assert await hers(place) == set()


async def test_an_attempt_that_is_carried_out_again_erases_what_is_there(place: Place) -> None:
    asking = Asking.of(place)
    await asking.hear(told(asked(people=(GONE,))))
    await asking.work()
    await place.admin.execute("UPDATE log_forgotten SET until = '2026-01-01Z'")
    await Logs(place.db).record(ACME, done())
    await asking.hear(told(asked(people=(GONE,))))
    await asking.work()
    assert await leaves(place) == [f"{FIRST} 1.1.1", f"{FIRST} 1.1.2"]
    assert await hers(place) == set()


@pytest.mark.parametrize("point", ["audit.erase.before_commit", "audit.erase.after_commit", "person_erasure.erased"])
async def test_whoever_dies_leaves_what_another_carries_on(place: Place, point: str) -> None:
    many, asking = await concerned(place), Asking.of(place)
    await asking.hear(told(asked(people=(GONE,))))
    async with dying_at(point):
        with pytest.raises(Died):
            await asking.work()
    assert await asking.answers() == []
    await asking.work()
    assert told_rows(await asking.answers()) == [(1, {"entries": many})]
    assert await leaves(place) == [f"{FIRST} 1.1.1"]
    assert await hers(place) == set()

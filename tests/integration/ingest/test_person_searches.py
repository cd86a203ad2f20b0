"""A person is looked for by an address: what is found, held and told, and that nothing is, where nothing is to be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from contracts.person_erasing import MOST_CALLS, Call, Found
from ingest.store import person_searches as store
from ingest.workers import person_searches
from integration.ingest.harness import HARBOR, QUILL
from integration.ingest.people import (
    CALLS,
    LEFT,
    SECOND,
    STAYING,
    Office,
    dying,
    furnish,
    gong_id,
    rows_of,
    searched,
)
from integration.ingest.test_previews import preview

ALL = (
    "members", "invitations", "intents", "api_keys", "jobs", "run_calls", "run_pages", "listed_calls", "held_calls", "noticed_calls",
    "call_tombstones",
)  # fmt: skip


async def told(office: Office, attempt: int) -> tuple[object, ...]:
    """What a search comes to, without when."""
    found = await office.looked(attempt)
    return found.user_ids, found.calls, found.more, found.calls_found, found.still_member, found.rows_by_address


async def test_a_look_counts_and_changes_nothing(office: Office) -> None:
    await furnish(office.ingest)
    await office.workshop.start()
    await office.workshop.finish()
    before = await rows_of(office.ingest, ALL)
    # An invitation, what was asked of Clerk for the address, and the job that was asked for calls with it.
    assert await told(office, 0) == ((LEFT,), (), False, 2, False, 3)
    assert office.woken
    assert await rows_of(office.ingest, ALL) == before
    [kept] = await office.ingest.sql("SELECT email, rows FROM person_searches")
    assert (kept["email"], kept["rows"]) == (None, "{}")
    assert await office.ingest.sql("SELECT FROM person_finds") == []


async def test_nobody_is_told_alike_wherever_they_are_known(office: Office) -> None:
    """Somebody nobody knows, and somebody whom another workspace knows."""
    await office.workshop.start()
    await office.workshop.finish()
    await office.ingest.sql(
        "INSERT INTO workspaces (workspace_id, name, slug, source_updated_at) VALUES ($1, 'Q', 'q', now())", QUILL
    )
    await office.ingest.sql(
        "INSERT INTO members VALUES ($1, 'user_quinn', 'quinn@quillstone.example', 'member', true, now(), 1)", QUILL
    )
    nobody = await office.looked(0, email="who@elsewhere.example")
    assert nobody.nothing
    theirs = await office.looked(0, SECOND, "quinn@quillstone.example")
    assert replace(theirs, at=nobody.at, erasure_id=nobody.erasure_id) == nobody


async def test_who_is_a_member_is_neither_held_nor_erased(office: Office) -> None:
    await furnish(office.ingest)
    await office.ingest.sql("UPDATE members SET email = 'Maya@Harborline.example' WHERE user_id = $1", STAYING)
    await office.workshop.start()
    await office.workshop.finish()
    before = await rows_of(office.ingest, ALL)
    for attempt in (0, 1):
        found = await office.looked(attempt, email="maya@harborline.example")
        assert (found.still_member, found.user_ids, found.calls, found.calls_found) == (True, (STAYING,), (), 4)
    assert await rows_of(office.ingest, ALL) == before
    # Under another address by now: her key still says the one that she had.
    await office.ingest.sql("UPDATE members SET email = 'maya@new.example' WHERE user_id = $1", STAYING)
    assert (await office.looked(0, email=f"maya@{HARBOR}.example")).still_member


async def test_what_is_found_is_held_and_named_and_what_has_the_address_alone_goes(office: Office) -> None:
    await furnish(office.ingest)
    await office.workshop.start()
    await office.workshop.finish()
    assert await told(office, 1) == ((LEFT,), CALLS, False, 2, False, 3)
    held = await office.ingest.sql("SELECT workspace_id, call_id, attempt FROM call_tombstones ORDER BY call_id")
    assert [tuple(row) for row in held] == [(HARBOR, call.call_id, 1) for call in CALLS]
    # The next attempt has no other to name, and finds them held; asked anew, the first is answered as it was.
    assert await told(office, 2) == ((LEFT,), (), False, 2, False, 0)
    assert await told(office, 1) == ((LEFT,), CALLS, False, 2, False, 0)
    left = await office.ingest.sql("SELECT workspace_id, id FROM invitations ORDER BY workspace_id, id")
    assert [tuple(row) for row in left] == [
        (HARBOR, "orginv_maya"), (QUILL, "orginv_maya"), (QUILL, "orginv_wanda")
    ]  # fmt: skip


async def test_calls_that_are_many_are_named_by_several_attempts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.workshop.start()
    await office.workshop.finish()
    monkeypatch.setattr(person_searches, "MOST_CALLS", 1)
    assert MOST_CALLS > 1
    named: list[Found] = [await office.looked(attempt) for attempt in (1, 2, 3)]
    assert [one.calls for one in named] == [CALLS[:1], CALLS[1:], ()]
    assert [(one.more, one.calls_found) for one in named] == [(True, 2), (False, 2), (False, 2)]


async def test_all_that_is_kept_of_calls_is_read(office: Office) -> None:
    """What waits to be fetched, pages of a list that is being read, and the list of a preview: before there is an object."""
    async with dying("list.after_commit", 2):
        await office.workshop.start()
        await office.workshop.worker().work_once()
    assert await office.ingest.sql("SELECT FROM run_pages") != []
    assert (await office.looked(0)).calls_found >= 1
    await office.workshop.skip_waits()
    async with dying("fetch.before_batches"):
        await office.workshop.worker().work_once()
    assert await office.ingest.sql("SELECT FROM held_calls") == []
    assert (await office.looked(0, SECOND)).calls_found == 2
    await office.ingest.sql("DELETE FROM run_calls")
    await office.ingest.sql(
        "UPDATE jobs SET state = 'cancelled', sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL, lease_expires_at = NULL"
    )
    await preview(office.workshop)
    assert (await office.looked(0, SECOND)).calls_found == 2


async def test_an_object_that_is_held_no_more_is_read_as_well(office: Office) -> None:
    """A run keeps naming the object that it was told of when the call has another one by now, without her."""
    await office.workshop.start()
    await office.workshop.finish()
    other = await office.objects.workspace(HARBOR).put(f"calls/{CALLS[0].call_id}/0.json.gz", b'{"parties": []}')
    await office.ingest.sql(
        "UPDATE held_calls SET object_name = $1, sha256 = $2 WHERE call_id = $3",
        other.name,
        other.sha256,
        CALLS[0].call_id,
    )
    assert (await office.looked(1)).calls == CALLS


async def test_what_cannot_be_read_is_passed_over(office: Office) -> None:
    await office.workshop.start()
    await office.workshop.finish()
    [row] = await office.ingest.sql("SELECT object_name FROM held_calls WHERE call_id = $1", CALLS[0].call_id)
    office.workshop.objects.held[row["object_name"]] = b"no JSON"
    assert (await office.looked(1)).calls == CALLS[1:]
    del office.workshop.objects.held[row["object_name"]]
    assert (await office.looked(2)).calls_found == 1


@pytest.mark.parametrize(
    "point",
    [
        "person_search.before_commit",
        "person_search.after_stretch",
        "person_search.before_end",
        "person_search.before_answer",
    ],
)
@pytest.mark.parametrize("attempt", [0, 1])
async def test_whoever_dies_leaves_a_search_that_is_carried_on(office: Office, point: str, attempt: int) -> None:
    await furnish(office.ingest)
    await office.workshop.start()
    await office.workshop.finish()
    async with dying(point, 2 if point.endswith("stretch") else 1):
        await office.looked(attempt)
    await office.work()
    [found] = await office.found()
    assert (found.calls_found, found.calls, found.rows_by_address) == (2, CALLS if attempt else (), 3)


async def test_a_search_goes_on_where_it_was(office: Office) -> None:
    await office.workshop.start()
    await office.workshop.finish()
    # The lists of calls and two pages of those of runs, then of those that are held.
    async with dying("person_search.after_stretch", 6):
        await office.looked(1)
    [row] = await office.ingest.sql("SELECT source, after_key FROM person_searches")
    assert (row["source"], row["after_key"] > "") == ("held_calls", True)
    # What was read is not read again: it could not be.
    found = await office.ingest.sql("SELECT call_id FROM person_finds")
    assert [one["call_id"] for one in found] == [one.call_id for one in CALLS if one.call_id <= row["after_key"]]
    names = await office.ingest.sql("SELECT object_name FROM held_calls WHERE call_id <= $1", row["after_key"])
    for one in names:
        del office.workshop.objects.held[one["object_name"]]
    office.searcher = replace(office.searcher, turn_seconds=0.0)
    await office.work()
    assert (await office.found())[-1].calls == CALLS


async def test_a_worker_that_was_replaced_writes_nothing(office: Office) -> None:
    await office.workshop.start()
    await office.workshop.finish()
    await office.hear(searched(1))
    await office.work()
    [found] = await office.found()
    # Asked anew while somebody still reads for the first: what that one notes does not count.
    await office.hear(searched(1))
    [one] = await store.due(office.ingest.db, 5)
    async with office.ingest.db.workspace(HARBOR) as tx:
        fence = await store.claim(tx, one, 60.0)
    assert fence is not None
    await office.hear(searched(1))
    async with office.ingest.db.workspace(HARBOR) as tx:
        assert await store.held(tx, one, fence) is None
    await office.work()
    assert [replace(one, at=found.at) for one in await office.found()] == [found, found]


async def test_a_transaction_from_before_is_waited_for(office: Office) -> None:
    """Who began before cannot have seen what is held: until that has ended, nothing is told."""
    await office.workshop.start()
    await office.workshop.finish()
    await office.hear(searched(1))
    async with office.ingest.db.workspace(HARBOR) as slow:
        await slow.execute("noticed_call_insert", call_id=gong_id(1), started_at=None)
        for _ in range(6):
            await office.ingest.sql("UPDATE person_searches SET next_at = now() WHERE next_at IS NOT NULL")
            await office.searcher.once()
        assert await office.found() == []
        [row] = await office.ingest.sql("SELECT stage FROM person_searches")
        assert row["stage"] == "holding"
    await office.work()
    assert [one.calls for one in await office.found()] == [CALLS]


async def test_two_people_in_one_call_are_found_each(office: Office) -> None:
    await office.workshop.start()
    await office.workshop.finish()
    assert (await office.looked(1)).calls == CALLS
    theirs = await office.looked(1, SECOND, "tomas@brightwater.example")
    assert set(theirs.calls) == {Call("gong", gong_id(number)) for number in (1, 2, 3, 4)}

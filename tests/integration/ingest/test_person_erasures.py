"""One person's data is erased: all that tells of them and their calls, nothing of anybody else; nothing that comes late brings it back."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from architecture.erasure.rules import rules_of
from callmine.workspaces.v1.workspaces_pb2 import ApiKeyRevoked
from cloud import Endpoint
from cloud.objects import GoogleObjects
from contract.sandbox.stage import QUILLSTONE, Stage
from contracts import Actor
from contracts.person_erasing import Call
from core.errors import NotFound, Transient
from core.ids import UserId
from database import Tx
from ingest.domain.intents import Wish
from ingest.domain.invitations import Invitation, InvitationState
from ingest.domain.members import Membership, Role
from ingest.handlers.changes import Changes
from ingest.store import call_tombstones, webhooks, workspaces
from integration.ingest.harness import HARBOR, QUILL, Gong, fetch_requested, new_id
from integration.ingest.people import (
    ADDRESS,
    CALLS,
    FIRST,
    LEFT,
    NAME,
    SECOND,
    TABLES,
    Office,
    described,
    dying,
    furnish,
    gong_id,
    ordered,
    rows_of,
)
from integration.ingest.test_previews import asked, preview
from integration.ingest.workshop import Workshop
from local.storage import StorageServer, StorageSettings
from local.tls import ServerCertificate
from messaging import Outbox

PERSON = rules_of("ingest").person
PEOPLE = ("api_keys", "intents", "invitations", "members")
HERS = {call.call_id for call in CALLS}
# What a run of all calls leaves of hers, and what people are noted in.
ROWS = {"run_calls": 2, "held_calls": 2, "listed_calls": 2, "noticed_calls": 2}
ROWS_OF_HER = {"invitations": 1, "intents": 3, "jobs": 1, "api_keys": 1, "members": 1}


@pytest.fixture
async def bucket(people_stage: Stage, tmp_path: Path) -> AsyncIterator[GoogleObjects]:
    """Object storage."""
    certificate = ServerCertificate(people_stage.folder / "cert.pem", people_stage.folder / "key.pem")
    with StorageServer.start(StorageSettings(tmp_path / "objects", certificate, buckets=("calls",))) as running:
        address = Endpoint(address=running.endpoint, ca_file=people_stage.folder / "ca.pem")
        objects = GoogleObjects(bucket="calls", endpoint=address)
        yield objects
        await objects.close()


async def filled(workshop: Workshop, office: Office) -> Mapping[str, tuple[str, str]]:
    """Everything that ingest keeps of calls and people, in both workspaces; objects by call, as name and SHA-256."""
    await furnish(workshop.ingest)
    await workshop.start()
    theirs = new_id()
    await workshop.ingest.hear(replace(fetch_requested(theirs), workspace_id=QUILL))
    await workshop.grant(theirs, gong=Gong(workshop.gong.base_url, *QUILLSTONE))
    await workshop.finish(workshop.worker(office.objects))
    for workspace, company, count in ((HARBOR, "harborline", 4), (QUILL, "quillstone", 2)):
        async with workshop.ingest.db.workspace(workspace) as tx:
            for number in range(1, count + 1):
                await webhooks.note_call(tx, gong_id(number, company), datetime(2026, 1, 1, tzinfo=UTC))
    await asked(workshop)
    await workshop.finish(workshop.worker(office.objects))
    return await held(workshop)


async def held(workshop: Workshop) -> Mapping[str, tuple[str, str]]:
    """Objects by call, as name and SHA-256."""
    rows = await workshop.ingest.sql("SELECT call_id, object_name, sha256 FROM held_calls")
    return {row["call_id"]: (row["object_name"], row["sha256"]) for row in rows}


async def page_of(workshop: Workshop, *call_ids: str) -> None:
    """A page of a list that a run which was cancelled has left."""
    await workshop.ingest.sql(
        "INSERT INTO run_pages (workspace_id, run_id, number, cursor, records, total, call_ids, started_ats, durations, metadata, "
        "checksums, private_ids) SELECT $1, id, 7, '', 1, 1, $2, '{}', '{}', $3, '{}', '{}' FROM jobs WHERE workspace_id = $1 LIMIT 1",
        HARBOR,
        list(call_ids),
        [zlib.compress(b"{}") for _ in call_ids],
    )


async def test_all_that_is_of_her_goes_and_nothing_of_anybody_else(
    people_workshop: Workshop, bucket: GoogleObjects
) -> None:
    office = Office.of(people_workshop, bucket, bucket)
    kept = await filled(people_workshop, office)
    await page_of(people_workshop, gong_id(1), CALLS[0].call_id)
    await page_of_others(people_workshop)
    # An object that no row names any more, and the sample of the preview, which shows her.
    orphan = await bucket.workspace(HARBOR).put(f"calls/{CALLS[0].call_id}/f.json.gz", json.dumps(ADDRESS).encode())
    before = await rows_of(office.ingest, (*TABLES, *PEOPLE, "jobs"))

    found = await office.looked(1)
    answer = await office.erased(found)
    assert dict(answer.rows) == {**ROWS, **ROWS_OF_HER, "run_pages": 1}
    # Two calls and the orphan, and the sample.
    assert answer.objects == 4
    after = await rows_of(office.ingest, (*TABLES, *PEOPLE, "jobs"))
    for table in before:
        gone = [row for row in before[table] if row not in after[table]]
        assert len(gone) == answer.rows[table], table
        assert all(HARBOR in row for row in gone), table
        assert [row for row in after[table] if row not in before[table]] == [] or table == "jobs", table
    assert HERS & {row["call_id"] for row in await office.ingest.sql("SELECT call_id FROM held_calls")} == set()
    mine = [row for table in after for row in after[table] if QUILL not in row]
    assert [row for row in mine if ADDRESS.lower() in row.lower() or LEFT in row or NAME in row] == []

    for call_id, (name, sha256) in kept.items():
        folder = bucket.workspace(HARBOR if f"/{HARBOR}/" in name else QUILL)
        if call_id in HERS:
            with pytest.raises(NotFound):
                await folder.get(name, sha256)
        else:
            assert described(await folder.get(name, sha256))["call_id"] == call_id
    with pytest.raises(NotFound):
        await bucket.workspace(HARBOR).get(orphan.name, orphan.sha256)
    assert await bucket.workspace(HARBOR).clear(10, below="previews") == 0


async def page_of_others(workshop: Workshop) -> None:
    """A page without her, which stays."""
    await workshop.ingest.sql(
        "INSERT INTO run_pages (workspace_id, run_id, number, cursor, records, total, call_ids, started_ats, durations, metadata, "
        "checksums, private_ids) SELECT workspace_id, run_id, 8, cursor, 1, 1, $1, '{}', '{}', $2, '{}', '{}' FROM run_pages",
        [gong_id(1)],
        [zlib.compress(b"{}")],
    )


async def test_twice_is_as_good_as_once_and_the_last_attempt_finds_nothing(office: Office) -> None:
    await filled(office.workshop, office)
    first = await office.looked(1)
    await office.erased(first)
    before = await office.ingest.everything()
    again = await office.looked(2)
    assert (again.user_ids, again.calls, again.more, again.rows_by_address) == ((), (), False, 0)
    answer = await office.erased(again)
    assert (answer.attempt, dict(answer.rows), answer.objects) == (2, {}, 0)
    # The first order comes again, from a retention that was restored; the same message, from the broker, does nothing.
    answer = await office.erased(first)
    assert (answer.attempt, dict(answer.rows), answer.objects) == (1, {}, 0)
    assert [one.attempt for one in await office.answers()] == [1, 2, 1]
    after = await office.ingest.everything()
    for table in (*TABLES, *PEOPLE):
        assert [row for row in before.split("\n") if row.startswith(f"{table}: ")] == [
            row for row in after.split("\n") if row.startswith(f"{table}: ")
        ]


async def test_after_a_restore_ids_alone_are_enough(office: Office) -> None:
    """The backup was made before anything was asked: nothing is held, no search is known, and she has a key that can be used."""
    await filled(office.workshop, office)
    await office.ingest.sql("UPDATE api_keys SET revoked_at = NULL")
    # The attempts of the ledger, in any order: one names the person and a call, another the other call.
    await office.hear(ordered(2, (LEFT,), CALLS[1:]), ordered(1, (LEFT,), CALLS[:1]))
    await office.work()
    assert sorted(one.attempt for one in await office.answers()) == [1, 2]
    assert HERS & (await held(office.workshop)).keys() == set()
    assert [name for name in office.workshop.objects.held if any(f"/{one}/" in name for one in HERS)] == []
    rows = await rows_of(office.ingest, PEOPLE)
    assert [
        row for table in PEOPLE for row in rows[table] if QUILL not in row and (LEFT in row or ADDRESS in row)
    ] == []
    # What was known by her key elsewhere is taken back, in the name of nobody.
    [revoked] = await office.ingest.told(ApiKeyRevoked)
    assert revoked.actor.id == ""
    # And nothing comes in again.
    assert await fetched_again(office) == {gong_id(1), gong_id(3)}


async def fetched_again(office: Office) -> set[str]:
    """What a new run holds, of those that it asks for."""
    await office.ingest.sql("DELETE FROM listings WHERE workspace_id = $1", HARBOR)
    run = await office.workshop.start()
    await office.workshop.finish(office.workshop.worker(office.objects))
    done = await office.workshop.completed(run)
    assert (done.calls_matching, done.calls_private, done.calls_fetched, done.calls_without_transcript) == (4, 1, 2, 2)
    return {row["call_id"] for row in await office.ingest.sql("SELECT call_id FROM run_calls WHERE run_id = $1", run)}


async def test_calls_that_are_erased_do_not_come_back(office: Office) -> None:
    await filled(office.workshop, office)
    await office.erased(await office.looked(1))
    assert await fetched_again(office) == {gong_id(1), gong_id(3)}
    ready = await preview(office.workshop)
    assert ready.matching_calls == 2
    again = await preview(office.workshop)
    assert again.matching_calls == 2, "by the list that the first has left"
    listed = await office.ingest.sql("SELECT call_id FROM listed_calls")
    assert {row["call_id"] for row in listed} == {gong_id(1), gong_id(3)}
    async with office.ingest.db.workspace(HARBOR) as tx:
        assert not await webhooks.note_call(tx, CALLS[0].call_id, None), "a webhook that comes late"
        assert not await webhooks.note_call(tx, gong_id(1), None)
    async with office.ingest.db.workspace(QUILL) as tx:
        assert await webhooks.note_call(tx, CALLS[0].call_id, None), "another workspace's call may have the same id"
    assert [name for name in office.workshop.objects.held if any(one in name for one in HERS)] == []
    shown = [content for name, content in office.workshop.objects.held.items() if f"{HARBOR}/previews/" in name]
    assert shown
    assert not [content for content in shown if b"Alone with Wanda" in content or NAME.encode() in content]


@pytest.mark.parametrize("table", TABLES)
async def test_the_trigger_refuses_them_whoever_adds_them(office: Office, table: str) -> None:
    await filled(office.workshop, office)
    await page_of(office.workshop, gong_id(1), CALLS[0].call_id)
    await page_of_others(office.workshop)
    copies = await rows_of(office.ingest, (table,))
    assert any(call_id in row for row in copies[table] for call_id in HERS)
    await office.ingest.sql(f"CREATE TABLE copies AS TABLE {table}")
    await office.erased(await office.looked(1))
    added = f"INSERT INTO {table} SELECT * FROM copies WHERE workspace_id = $1 AND {{}} ON CONFLICT DO NOTHING"
    names = " OR ".join(f"copies::text LIKE '%{call_id}%'" for call_id in sorted(HERS))
    with pytest.raises(asyncpg.PostgresError, match="is erased"):
        await office.ingest.sql(added.format(f"({names})"), HARBOR)
    await office.ingest.sql(added.format(f"NOT ({names})"), HARBOR)
    await office.ingest.sql(f"DROP TRIGGER fence_calls ON {table}")
    await office.ingest.sql(added.format(f"({names})"), HARBOR)
    await office.ingest.sql("DROP TABLE copies")


async def test_who_did_not_see_it_coming_tries_again(office: Office) -> None:
    """A transaction that is refused can be made again without the call; nobody's run fails for it."""
    async with office.ingest.db.workspace(HARBOR) as tx:
        await call_tombstones.put(tx, FIRST, 1, CALLS)
    with pytest.raises(Transient, match="another try"):
        async with office.ingest.db.workspace(HARBOR) as tx:
            await tx.execute("held_calls_save", **_one_held(CALLS[0].call_id))
    async with office.ingest.db.workspace(HARBOR) as tx:
        await tx.execute("held_calls_save", **_one_held(gong_id(1)))


def _one_held(call_id: str) -> Mapping[str, list[object]]:
    return {
        "call_ids": [call_id],
        "checksums": ["0" * 64],
        "object_names": ["calls/1"],
        "sha256s": ["0" * 64],
        "sizes": [1],
    }


@pytest.mark.parametrize(
    "point",
    [
        "person_erasure.before_commit",
        "person_erasure.after_batch",
        "person_erasure.after_calls",
        "person_erasure.after_objects",
        "person_erasure.erased",
        "person_erasure.before_answer",
    ],
)
async def test_whoever_dies_leaves_an_erasure_that_is_carried_on(office: Office, point: str) -> None:
    await filled(office.workshop, office)
    found = await office.looked(1)
    async with dying(point):
        await office.erased(found)
    await office.work()
    [answer] = await office.answers()
    assert dict(answer.rows) == {**ROWS, **ROWS_OF_HER}
    assert HERS & (await held(office.workshop)).keys() == set()
    assert [name for name in office.workshop.objects.held if any(f"/{one}/" in name for one in HERS)] == []


async def test_a_transaction_from_before_is_waited_for_and_erased(office: Office) -> None:
    await filled(office.workshop, office)
    await office.ingest.sql("DELETE FROM noticed_calls")
    async with office.ingest.db.workspace(HARBOR) as slow:
        assert await webhooks.note_call(slow, CALLS[0].call_id, None)
        await office.hear(ordered(1, (), CALLS))
        for _ in range(4):
            await office.ingest.sql("UPDATE person_erasures SET next_at = now() WHERE next_at IS NOT NULL")
            await office.erasing.once()
        assert await office.answers() == []
        assert (await held(office.workshop)).keys() >= HERS, "nothing is erased while somebody may still add"
    await office.work()
    assert (await office.answers())[0].rows["noticed_calls"] == 1
    assert await office.ingest.sql("SELECT FROM noticed_calls") == []


async def test_two_people_in_one_call(office: Office) -> None:
    """The call is fenced for both, and the erasure of one is not ended by that of the other."""
    await filled(office.workshop, office)
    hers = await office.looked(1)
    everybodys = await office.looked(1, SECOND, "tomas@brightwater.example")
    await office.erased(everybodys)
    assert await held(office.workshop) == {
        call_id: one for call_id, one in (await held(office.workshop)).items() if f"/{QUILL}/" in one[0]
    }
    answer = await office.erased(hers)
    assert (answer.rows.get("held_calls", 0), answer.objects) == (0, 0)


async def test_an_id_that_no_object_can_be_named_by_does_no_harm(office: Office) -> None:
    await office.hear(ordered(1, (), [Call("gong", "../escape"), Call("zoom", "7")]))
    await office.work()
    assert [(one.rows, one.objects) for one in await office.answers()] == [({}, 0)]


async def nobody(tx: Tx, wish: Wish) -> Actor:
    """Who did it at Clerk."""
    del tx, wish
    return Actor()


async def test_what_clerk_tells_late_is_not_noted_and_what_happens_later_is(office: Office) -> None:
    await filled(office.workshop, office)
    await office.erased(await office.looked(1))
    changes = Changes(Outbox("ingest"), nobody)

    async def told(at: datetime) -> set[str]:
        invitation = Invitation("orginv_wanda", ADDRESS, Role.MEMBER, InvitationState.PENDING, at, None, at)
        async with office.ingest.db.workspace(HARBOR) as tx:
            known = await workspaces.lock_workspace(tx)
            await changes.membership(tx, known, Membership(UserId(LEFT), ADDRESS, Role.MEMBER, False, at))
            await changes.invitation(tx, invitation)
        rows = await rows_of(office.ingest, ("members", "invitations"))
        return {table for table in rows for row in rows[table] if HARBOR in row and ADDRESS in row}

    assert await told(datetime(2026, 1, 3, tzinfo=UTC)) == set()
    assert await told(datetime.now(UTC) + timedelta(minutes=1)) == {"members", "invitations"}


async def test_who_has_come_back_keeps_what_is_theirs(office: Office) -> None:
    await filled(office.workshop, office)
    found = await office.looked(1)
    await office.ingest.sql("UPDATE members SET removed = false WHERE user_id = $1", LEFT)
    await office.ingest.sql("UPDATE api_keys SET revoked_at = NULL WHERE created_by = $1", LEFT)
    before = await rows_of(office.ingest, ("members", "api_keys"))
    await office.erased(found)
    assert await rows_of(office.ingest, ("members", "api_keys")) == before


async def test_nothing_of_it_is_removed_without_an_order(office: Office) -> None:
    await filled(office.workshop, office)
    before = await rows_of(office.ingest, (*TABLES, *PEOPLE))
    async with office.ingest.db.workspace(HARBOR) as tx:
        for statement in call_tombstones.statements(office.ingest.db):
            assert await call_tombstones.erase(tx, statement, FIRST, 10) == 0
        for name in ("api_keys", "invitations", "members"):
            assert await tx.execute(f"person_erase_{name}", user_ids=[LEFT], most=10) == 0
            assert await tx.execute(f"erase_{name}", most=10) == 0
    assert await rows_of(office.ingest, (*TABLES, *PEOPLE)) == before


async def test_the_triggers_the_statements_and_the_manifest_agree(office: Office) -> None:
    found = await office.ingest.sql(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'fence_calls'"
    )
    by_call = {table for table, by in PERSON.erased.items() if "call" in by}
    assert {row["name"] for row in found} == by_call == set(TABLES)
    db = office.ingest.db
    assert [call_tombstones.table_of(one) for one in call_tombstones.statements(db)] == list(TABLES)
    names = {one.name for one in db.queries}
    for table, by in PERSON.erased.items():
        if "user" in by:
            assert f"person_erase_{table}" in names
        if "address" in by:
            assert f"addressed_erase_{table}" in names

"""What every service has of a person goes, nothing of anybody else; whatever comes twice, late or in between, and whoever dies."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from callmine.workspaces.v1.workspaces_pb2 import (
    ROLE_ADMIN,
    ROLE_MEMBER,
    ApiKeyCreated,
    ApiKeyRevoked,
    MemberAdded,
    MemberRemoved,
)
from contracts import Event
from contracts.registry import SERVICES
from integration.analysis.test_api_manners import Died, dying_at
from integration.erasure.asking import ANNA, BERT, FIRST, SECOND, Asking, asked, told
from integration.erasure.place import ACME, RIVAL, Place
from messaging import Consumer, Routes, Verdict
from messaging.api_keys import follow_keys
from messaging.erasure.people import store
from messaging.memberships import follow_members
from messaging.upkeep import forget_marks
from testkit.messages import delivery

EACH = pytest.mark.parametrize("place", SERVICES, indirect=True)
ONE = pytest.mark.parametrize("place", ["analysis"], indirect=True)

KEYS: Mapping[str, uuid.UUID] = {ANNA: uuid.UUID(int=0xA1), BERT: uuid.UUID(int=0xB1)}

# Of a person who has left: a place, a key that was taken back, counters, messages that could not be handled.
_OF = """
INSERT INTO memberships (workspace_id, user_id, present, role, sequence) VALUES ('{w}', '{who}', false, 'member', 5);
INSERT INTO known_api_keys (workspace_id, key_id, digest, revoked, scopes, role, user_id, email, sequence)
VALUES ('{w}', '{key}', sha256('{who}'), true, '{{}}', 'member', '{who}', '{who}@example.com', 2);
INSERT INTO request_allowances (workspace_id, subject, quota, used, granted, ends_at)
SELECT '{w}', one || ' ' || asker, 10, 1, 1, now()
FROM unnest(ARRAY['key {key}', 'person {who}']) asker, unnest(ARRAY['', 'costly']) one WHERE one <> '';
INSERT INTO request_allowances (workspace_id, subject, quota, used, granted, ends_at)
VALUES ('{w}', 'key {key}', 10, 1, 1, now()), ('{w}', 'person {who}', 10, 1, 1, now());
INSERT INTO parked (direction, workspace_id, source, event_id, type, reason, body, attributes, ordering_key)
VALUES ('in', '{w}', 'a', 'about {who}', 't', 'r', 'body', '{{}}', '{w}/{who}'),
       ('in', '{w}', 'a', 'within {who}', 't', 'r', convert_to(chr(1) || '{who}' || chr(2), 'UTF8'), '{{}}', '{w}/run')
"""
GONE = {"memberships": 1, "known_api_keys": 1, "request_allowances": 4, "parked": 2}


async def kept(place: Place) -> None:
    """Anna and Bert in both workspaces."""
    for workspace in (ACME, RIVAL):
        for who, key in KEYS.items():
            await place.admin.execute(_OF.format(w=workspace, who=who, key=key))


async def of_anna(place: Place) -> dict[str, int]:
    """How many rows of the workspace have Anna's id, by table."""
    rows = await place.rows(ACME)
    # A body is bytes, which a row shows as hexadecimal digits.
    found = {name: sum(ANNA in row or ANNA.encode().hex() in row for row in some) for name, some in rows.items()}
    return {name: count for name, count in found.items() if count}


@EACH
async def test_all_of_a_person_goes_and_nothing_of_another(place: Place) -> None:
    await kept(place)
    asking, before, theirs = Asking.of(place), await place.rows(ACME), await place.rows(RIVAL)
    assert await of_anna(place) == {**GONE, "request_allowances": 2}
    if place.service == "retention":
        worker = replace(asking.worker, token_seconds=0.0)
        assert await worker.erase_at_once(ACME, asked(), datetime.now(UTC)) == GONE
        assert await worker.erase_at_once(ACME, asked(), datetime.now(UTC)) == GONE, "once for each attempt"
        assert await asking.answers() == []
    else:
        assert await asking.hear(told(asked())) == [Verdict.ACK]
        await asking.work()
        [answer] = await asking.answers()
        assert (answer.erasure_id, answer.service, answer.attempt) == (FIRST, place.service, 1)
        assert (answer.rows, answer.objects) == (GONE, 0)
    assert await of_anna(place) == {}
    assert await place.rows(RIVAL) == theirs
    after = await place.rows(ACME)
    for name in before.keys() - {"outbox", "inbox", "person_erasures", "forgotten_people", "log_keys", "log_forgotten"}:
        lost = [row for row in before[name] if row not in after[name]]
        assert len(lost) == GONE.get(name, 0), name
        assert all(ANNA in row or str(KEYS[ANNA]) in row or ANNA.encode().hex() in row for row in lost), name
        new = [row for row in after[name] if row not in before[name]]
        assert len(new) == (name == "known_api_keys"), name


@ONE
async def test_each_attempt_tells_what_it_erased_and_is_answered_once(place: Place) -> None:
    await kept(place)
    asking, first, second = Asking.of(place), told(asked()), told(asked(2))
    await asking.hear(first, first)
    await asking.work()
    await asking.hear(first, second)
    await place.admin.execute(f"INSERT INTO memberships VALUES ('{ACME}', '{ANNA}', false, 'member', 9)")
    await asking.work()
    await asking.hear(told(asked(3)))
    await asking.work()
    assert [(one.attempt, dict(one.rows)) for one in await asking.answers()] == [
        (1, GONE),
        (2, {"memberships": 1}),
        (3, {}),
    ]
    assert (
        await place.admin.fetchval("SELECT count(*) FROM person_erasures WHERE next_at IS NOT NULL OR user_ids <> '{}'")
        == 0
    )


@ONE
async def test_a_retention_that_was_restored_is_answered_anew(place: Place) -> None:
    await kept(place)
    asking = Asking.of(place)
    for attempt in (2, 1, 1):
        await asking.hear(told(asked(attempt)))
        await asking.work()
    assert [(one.attempt, dict(one.rows)) for one in await asking.answers()] == [(2, GONE), (1, {}), (1, {})]


@ONE
async def test_a_service_that_was_restored_erases_again(place: Place) -> None:
    """Its database is from before: it has the rows, and knows of no order."""
    await kept(place)
    asking = Asking.of(place)
    await asking.hear(told(asked(2)))
    await asking.work()
    await place.admin.execute("DELETE FROM person_erasures; DELETE FROM forgotten_people")
    for table in ("memberships", "known_api_keys", "request_allowances", "parked"):
        await place.admin.execute(f"DELETE FROM {table}")
    await kept(place)
    await asking.hear(told(asked(2)))
    await asking.work()
    assert await of_anna(place) == {}
    assert dict((await asking.answers())[-1].rows) == GONE


def about(payload: Message, sequence: int, at: datetime) -> Event[Message]:
    """What ingest says of a member or a key."""
    return Event(
        workspace_id=ACME, payload=payload, producer="ingest", aggregate_id="a", sequence=sequence, occurred_at=at
    )


async def hears(place: Place, *events: Event[Message]) -> None:
    """Messages of ingest, as every service follows them."""
    routes, name = Routes(), f"{place.service}.workspaces"
    follow_members(routes)
    follow_keys(routes)
    verdicts = await Consumer(name, place.db, routes).process([delivery(one, name) for one in events])
    assert verdicts == [Verdict.ACK] * len(events)


def made(who: str, key: int) -> Message:
    """A key of somebody."""
    return ApiKeyCreated(
        key_id=str(uuid.UUID(int=key)), digest=bytes(32), role=ROLE_MEMBER, user_id=who, email=f"{who}@example.com"
    )


@ONE
async def test_what_is_told_late_of_a_forgotten_person_is_not_noted(place: Place) -> None:
    asking, now = Asking.of(place), datetime.now(UTC)
    before, after = now - timedelta(hours=1), now + timedelta(hours=1)
    # That she has left, and that this key was taken back, is not known here yet.
    await hears(place, about(MemberAdded(user_id=ANNA, role=ROLE_ADMIN), 1, before), about(made(ANNA, 7), 1, before))
    await asking.hear(told(asked(), at=now))
    await asking.work()
    assert await of_anna(place) == {"memberships": 1, "known_api_keys": 1}, "whoever is a member stays one"
    late = (
        about(MemberRemoved(user_id=ANNA), 2, before),
        about(ApiKeyRevoked(key_id=str(uuid.UUID(int=7))), 2, before),
        about(made(ANNA, 8), 1, before),
        about(MemberAdded(user_id=BERT, role=ROLE_MEMBER), 1, before),
        about(made(BERT, 9), 1, before),
    )
    await hears(place, *late)
    assert await of_anna(place) == {}
    # A message that was held up for longer still makes no member of her, and no key good again.
    await hears(place, about(MemberAdded(user_id=ANNA, role=ROLE_ADMIN), 1, before), about(made(ANNA, 7), 1, before))
    assert await of_anna(place) == {}
    rows = await place.admin.fetch("SELECT key_id, revoked FROM known_api_keys WHERE workspace_id = $1", ACME)
    assert {(row["key_id"].int, row["revoked"]) for row in rows} >= {(7, True), (9, False)}
    assert await place.admin.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1", BERT) == 1
    # Somebody who comes back is a member like anybody.
    await hears(place, about(MemberAdded(user_id=ANNA, role=ROLE_MEMBER), 3, after))
    assert await of_anna(place) == {"memberships": 1}


@ONE
async def test_an_older_message_does_not_take_a_later_place_away(place: Place) -> None:
    asking, now = Asking.of(place), datetime.now(UTC)
    await asking.hear(told(asked(), at=now))
    await hears(place, about(MemberAdded(user_id=ANNA, role=ROLE_MEMBER), 3, now + timedelta(hours=1)))
    await hears(place, about(MemberRemoved(user_id=ANNA), 2, now - timedelta(hours=1)))
    await asking.work()
    assert await of_anna(place) == {"memberships": 1}


@ONE
async def test_a_transaction_from_before_is_waited_for(place: Place) -> None:
    asking = Asking.of(place)
    async with place.db.workspace(ACME) as slow:
        await slow.execute("membership_save", user_id=ANNA, present=False, role="member", sequence=1)
        await asking.hear(told(asked()))
        await asking.work()
        assert await asking.answers() == []
    await asking.work()
    assert [dict(one.rows) for one in await asking.answers()] == [{"memberships": 1}]


@ONE
async def test_who_has_left_is_known_for_as_long_as_a_session_is_good(place: Place) -> None:
    await kept(place)
    asking = Asking.of(place)
    asking.token_seconds = 120.0
    await asking.hear(told(asked()), told(asked(1, people=(), erasure=SECOND)))
    await asking.work()
    assert [one.erasure_id for one in await asking.answers()] == [SECOND], "of nobody nothing has to be known"
    assert (await of_anna(place))["memberships"] == 1
    await place.admin.execute("UPDATE person_erasures SET taken_at = taken_at - interval '2 minutes'")
    await asking.work()
    assert await of_anna(place) == {}


@ONE
async def test_nothing_is_removed_of_people_whom_nobody_erases(place: Place) -> None:
    """The application has no right to, whatever it is asked."""
    await kept(place)
    before = await place.rows(ACME)
    async with place.db.workspace(ACME) as tx:
        assert await tx.execute("person_erase_memberships", user_ids=[ANNA], most=10) == 0
        assert await tx.execute("person_erase_request_allowances", subjects=[f"person {ANNA}"], most=10) == 0
        await store.order(tx, asked(people=(BERT,)), datetime.now(UTC))
        assert await tx.execute("person_erase_memberships", user_ids=[ANNA], most=10) == 0
    async with place.db.sweep() as sweep:
        assert await sweep.execute("person_erase_parked", workspace=RIVAL, user_ids=[ANNA], most=10) == 0
    after = await place.rows(ACME)
    assert {name for name in before if before[name] != after[name]} == {"person_erasures", "forgotten_people"}


@ONE
async def test_marks_go_when_nothing_can_come_any_more(place: Place) -> None:
    await Asking.of(place).hear(told(asked()), told(asked(people=(BERT,), erasure=SECOND)))
    gone = "UPDATE forgotten_people SET until = now() - interval '36 days' WHERE workspace_id = $1 AND mark = $2"
    await place.admin.execute(gone, ACME, store.mark(ANNA))
    await forget_marks(place.db)
    async with place.db.workspace(ACME) as tx:
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        assert [await store.is_forgotten(tx, who, long_ago) for who in (ANNA, BERT)] == [False, True]


@ONE
async def test_a_workspace_that_goes_takes_what_was_asked_with_it(place: Place) -> None:
    asking = Asking.of(place)
    await asking.hear(told(asked()))
    await place.freeze()
    assert await asking.hear(told(asked(2))) == [Verdict.ACK]
    await asking.work()
    await place.turns_until("erased")
    left = await place.rows(ACME)
    assert (left["person_erasures"], left["forgotten_people"], left["parked"]) == ([], [], [])
    assert await asking.answers() == []


POINTS = (
    "person_erasure.before_commit",
    "person_erasure.after_batch",
    "person_erasure.erased",
    "person_erasure.before_answer",
    "consumer.after_effect",
    "consumer.after_commit",
)


@pytest.mark.parametrize("point", POINTS)
@ONE
async def test_whoever_dies_leaves_what_another_carries_on(place: Place, point: str) -> None:
    await kept(place)
    asking, event = Asking.of(place), told(asked())
    async with dying_at(point):
        died = 0
        for act in (lambda: asking.hear(event), asking.work):
            try:
                await act()
            except (Died, BaseExceptionGroup):
                died += 1
    assert await asking.answers() == [] or point == "consumer.after_commit"
    await asking.hear(event)
    await asking.work()
    assert await of_anna(place) == {}
    assert [(one.attempt, dict(one.rows)) for one in await asking.answers()] == [(1, GONE)]


@pytest.mark.parametrize("seed", range(3))
@ONE
async def test_crashes_and_messages_in_any_order_come_to_the_same_end(place: Place, seed: int) -> None:
    rng = random.Random(seed)
    await kept(place)
    asking = Asking.of(place)
    events = [told(asked(attempt)) for attempt in (1, 2, 3)] + [told(asked(1, people=(BERT,), erasure=SECOND))]
    rng.shuffle(events)
    for event in (*events, *rng.sample(events, 2)):
        async with dying_at(rng.choice(POINTS)):
            for act in (lambda event=event: asking.hear(event), asking.work):
                try:
                    await act()
                except (Died, BaseExceptionGroup):
                    continue
    await asking.hear(*events)
    await asking.work(10)
    assert await of_anna(place) == {}
    answers = [one for one in await asking.answers() if one.erasure_id == FIRST]
    assert sorted(one.attempt for one in answers) == [1, 2, 3]
    whole: dict[str, int] = {}
    for one in answers:
        whole = {name: whole.get(name, 0) + one.rows.get(name, 0) for name in whole.keys() | one.rows.keys()}
    assert whole == GONE, "every row is told of once"


@pytest.mark.parametrize("place", ["credential-vault"], indirect=True)
async def test_the_vault_forgets_who_connected_and_keeps_the_connection(place: Place) -> None:
    await place.admin.execute(
        f"UPDATE credentials SET connected_by = '{ANNA}', provider_user = 'U1' WHERE workspace_id = '{ACME}';"
        f"UPDATE oauth_states SET user_id = '{ANNA}' WHERE workspace_id = '{ACME}'"
    )
    changed = "SELECT count(*) FROM credentials WHERE workspace_id = $1 AND connected_by = '' AND provider_user = ''"
    many = await place.admin.fetchval("SELECT count(*) FROM credentials WHERE workspace_id = $1", ACME)
    kept_of = (
        "SELECT access_token, refresh_token, access_key, secret, account, account_id, state, version FROM credentials"
    )
    before = await place.admin.fetch(f"{kept_of} ORDER BY workspace_id, provider")
    asking = Asking.of(place)
    await asking.hear(told(asked()))
    await asking.work()
    assert await of_anna(place) == {}
    assert await place.admin.fetchval(changed, ACME) == many > 0
    assert await place.admin.fetchval(changed, RIVAL) == 0
    assert await place.admin.fetch(f"{kept_of} ORDER BY workspace_id, provider") == before
    [answer] = await asking.answers()
    assert answer.rows["credentials"] == many
    assert answer.rows["oauth_states"] > 0


@EACH
async def test_the_statements_and_the_manifest_agree(place: Place) -> None:
    scope, asking = place.rules.person, Asking.of(place)
    named = {"person_erase_": set(scope.erased), "person_empty_": set(scope.emptied)}
    # Emptied with the answer itself; entries of the log, with their leaf, by what the log does.
    own = {"person_erasures", *({"entries", "entry_names", "log_keys"} if place.service == "audit" else ())}
    # Goes with its run, as a report does.
    runs = set(place.rules.report.erased) if place.rules.report else set()
    for start, tables in named.items():
        found = {one.name.removeprefix(start) for one in asking.worker.eraser.statements if one.name.startswith(start)}
        assert found <= tables, f"{start}: {found - tables} has no rule"
        if place.service != "ingest":
            assert tables - found <= own | runs, f"{start}: {tables - found - own - runs} has no statement"

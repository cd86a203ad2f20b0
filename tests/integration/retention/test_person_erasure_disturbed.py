"""What becomes of a request to erase one person's data that is disturbed: by crashes, a restore, or the end of the whole workspace."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message

from callmine.erasure.v1.people_pb2 import PersonSearchRequested
from contracts import Event, person_erasing
from contracts.person_erasing import Call, PersonAnswer
from integration.retention.leaving import ERASED, VERIFIED, Leaving
from integration.retention.letting_somebody_go import CALLS, ROWS, USER, WHO, LettingSomebodyGo
from integration.retention.shop import words
from retention.cli import app
from testkit.commands import run
from testkit.services import environment_for


@pytest.fixture
def letting(leaving: Leaving) -> LettingSomebodyGo:
    """The same service, for people's data."""
    return LettingSomebodyGo(leaving.shop, leaving.objects, leaving.settings)


POINTS = (
    "erasure.after_claim",
    "erasure.before_start_commit",
    "erasure.after_ledger",
    "erasure.before_order_commit",
    "person_erasure.before_commit",
    "person_erasure.erased",
    "erasure.after_own_rows",
    "erasure.before_verify_commit",
    "erasure.before_complete_commit",
)


@pytest.mark.parametrize("seed", range(3))
async def test_crashes_and_answers_in_any_order_come_to_the_same_end(letting: LettingSomebodyGo, seed: int) -> None:
    rng = random.Random(seed)

    async def shaken() -> None:
        """The worker dies at every place there is, in any order, and carries on."""
        for point in rng.sample(POINTS, len(POINTS)):
            await letting.crashing(point)
            await letting.shop.rows("UPDATE person_erasures SET taken_at = taken_at - interval '1 hour'")
        await letting.now()
        await letting.work()

    await letting.ask_person()
    await letting.a_day_passes()
    await shaken()
    kept: list[Event[Message]] = [await letting.found(0)]
    for attempt, calls, rows in ((1, CALLS, ROWS), (2, (), {"held_calls": 1}), (3, (), {})):
        kept.append(await letting.found(attempt, calls=calls, user_ids=[USER]))
        await letting.answers(*rng.sample(kept, len(kept)))
        await shaken()
        answers = [
            await letting.answer(one, attempt, rows) for one in ("ingest", "analysis", "credential-vault", "audit")
        ]
        for one in rng.sample(answers, len(answers)):
            await letting.answers(one)
            await letting.crashing(rng.choice(POINTS))
        kept += answers
        await letting.answers(*rng.choices(kept, k=4))
        await shaken()
        await letting.shop.rows("UPDATE person_requests SET settled_at = settled_at - interval '1 hour'")
        await shaken()
    settled = await letting.erasure()
    assert settled["state"] == "completed"
    names = [(type(one).__name__, one.attempt) for one in await letting.told()]  # type: ignore[attr-defined]
    assert names == [("PersonSearchRequested", 0)] + [
        (kind, attempt) for attempt in (1, 2, 3) for kind in ("PersonSearchRequested", "PersonErasureRequested")
    ]
    await letting.answers(*kept)
    await letting.later()
    assert await letting.erasure() == settled
    assert len(letting.ledger()) == 1
    [part] = await letting.shop.rows("SELECT objects, erased_rows FROM person_request_parts WHERE service = 'ingest'")
    assert json.loads(part["erased_rows"]) == {"held_calls": 3, "members": 1}
    assert [diff["deletion"] for _, diff in await letting.audited("person_erasure")] == [
        ("", '"asked"'),
        ('"asked"', '"done"'),
    ]


# What a backup may hold of a request whose second attempt is under way: nothing, its beginning, its first attempt; and whether the address.
RESTORED = (
    ("WITH parts AS (DELETE FROM person_request_parts) DELETE FROM person_requests", False),
    (
        f"""UPDATE person_requests SET state = 'asked', started_at = NULL, erased_at = NULL, attempt = 0, found_attempt = -1,
        told_attempt = 0, user_ids = NULL, calls = NULL, email = '{WHO}'""",
        True,
    ),
    ("UPDATE person_requests SET attempt = 1, found_attempt = 1, told_attempt = 1", True),
)
SAME = ["id", "asked_at", "zone", "take_back_until", "target_at", "alarm_at", "deadline", "state", "user_ids", "ledger"]


async def test_a_restored_database_is_told_by_the_ledger(letting: LettingSomebodyGo) -> None:
    environment = environment_for(letting.settings)
    await letting.begun(more=True)
    await letting.all_answer(1, ROWS)
    await letting.work()
    await letting.answers(await letting.found(2, calls=[Call("gong", "7003")], user_ids=[USER]))
    await letting.work()
    asked, first = await letting.erasure(), await letting.orders()
    assert len(letting.ledger()) == 2
    for restored, has_address in RESTORED:
        await letting.shop.rows(restored)
        await letting.shop.rows("DELETE FROM outbox")
        said = (await run(app, "erasures", "replay", env=environment)).stdout.splitlines()
        forgotten = 1 if "attempt = 1" in restored else 2
        assert (
            said[2]
            == f"2 attempts at people's data are in the ledger; {forgotten} of them this database had forgotten."
        )
        erasure = await letting.erasure()
        assert [erasure[name] for name in SAME] == [asked[name] for name in SAME]
        assert (erasure["attempt"], erasure["told_attempt"], erasure["email"]) == (2, 2, WHO if has_address else None)
        # What its certificate will say.
        assert erasure["calls_found"] == len([*CALLS, "7003"])
        # All are told of both attempts again, as they were before.
        assert await letting.orders() == first
    assert "0 of them" in (await run(app, "erasures", "replay", env=environment)).stdout.splitlines()[2]
    await _without_an_address(letting)
    # What has ended stays so, and all are told again.
    await letting.shop.rows("DELETE FROM outbox")
    said = (await run(app, "erasures", "replay", env=environment)).stdout.splitlines()
    assert "0 of them" in said[2]
    assert len(await letting.orders()) == 2
    assert await letting.state() == "completed"


async def _without_an_address(letting: LettingSomebodyGo) -> None:
    # Without the address nobody can be looked for: what is known is looked for again, until nothing is left.
    await letting.shop.rows("UPDATE person_requests SET email = NULL")
    await letting.shop.rows("DELETE FROM outbox")
    await letting.all_answer(2, {"held_calls": 1})
    await letting.later()
    await letting.later()
    await letting.later()
    assert [(type(one).__name__, one.attempt) for one in await letting.told()] == [("PersonErasureRequested", 3)]  # type: ignore[attr-defined]
    await letting.all_answer(3)
    await letting.later()
    assert await letting.state() == "completed"


async def test_it_ends_with_the_workspace(letting: LettingSomebodyGo, leaving: Leaving) -> None:
    """Nobody answers for a person of a workspace that is being erased: the request waits, and ends with it."""
    environment = environment_for(letting.settings)
    await letting.begun()
    await letting.ask_person("other@quillstone.example")
    await leaving.ask()
    await leaving.a_day_passes()
    await leaving.work()
    refused = await letting.ask_person("third@quillstone.example")
    assert (refused.status_code, "everybody" in words(refused.text)) == (409, True)
    first = (await letting.shop.rows(f"SELECT id FROM person_requests WHERE email = '{WHO}'"))[0]["id"]
    for service in ("ingest", "analysis", "credential-vault", "audit"):
        told = PersonAnswer(erasure_id=first, service=service, attempt=1, at=datetime.now(UTC))
        await letting.answers(letting.said_by(person_erasing.answer(told), service, first))
    await letting.later()
    await letting.later()
    assert len([one for one in await letting.told() if isinstance(one, PersonSearchRequested)]) == 3
    for stage, attempt in ((ERASED, 0), (VERIFIED, 1)):
        await leaving.all_report(stage, attempt)
        await leaving.work()
    assert (await leaving.erasure())["state"] == "completed"
    rows = await letting.shop.rows("SELECT state, asked_by, email, user_ids, next_at FROM person_requests")
    ended = {"state": "with_workspace", "asked_by": None, "email": None, "user_ids": None, "next_at": None}
    assert [dict(one) for one in rows] == [ended] * 2
    assert "Erased with the workspace" in words((await leaving.get()).text)
    assert (await letting.ask_person("third@quillstone.example")).status_code == 409
    said = await run(app, "erasures", "replay", env=environment)
    assert said.stdout.splitlines()[2].startswith("1 attempts at people's data are in the ledger; 0 of them")

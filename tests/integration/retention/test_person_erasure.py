"""An admin asks for one person's data to be erased: the request, what the services are told, the certificate, and what goes wrong."""

from __future__ import annotations

import io
import json
import re
import uuid
from datetime import UTC, datetime
from html import unescape

import pypdf
import pytest

from audit.verify import callmine_verify
from callmine.erasure.v1.erasure_pb2 import ErasureRequested, ErasureVerify
from callmine.erasure.v1.people_pb2 import PersonErasureRequested, PersonSearchRequested
from contracts import person_erasing
from contracts.erasing import Order
from contracts.person_erasing import Call, PersonAnswer
from integration.retention.leaving import PAGE, Leaving
from integration.retention.letting_somebody_go import CALLS, PEOPLE, ROWS, USER, WHO, LettingSomebodyGo
from integration.retention.shop import MINE, THEIRS, words
from messaging.erasure import store as tombstones
from retention.cli import app
from testkit.commands import run
from testkit.messages import delivery, parked_reasons
from testkit.outside import ADMIN, MEMBER
from testkit.services import environment_for

STAFF, STAFF_AUDIENCE = "ada@callmine.example", "callmine-staff"


@pytest.fixture
def letting(leaving: Leaving) -> LettingSomebodyGo:
    """The same service, for people's data."""
    return LettingSomebodyGo(leaving.shop, leaving.objects, leaving.settings)


async def test_it_is_asked_for_by_an_admin_who_types_the_address_twice_and_once(letting: LettingSomebodyGo) -> None:
    assert "Erase one person's data" in unescape(words((await letting.get()).text))
    for email, typed in ((WHO, ""), (WHO, "other@quillstone.example"), ("dana", "dana"), ("", "")):
        refused = await letting.ask_person(email, typed)
        assert refused.status_code == 400
    # What was typed is there to be mended.
    assert f'value="{WHO}"' in (await letting.ask_person(WHO, "x")).text
    assert (await letting.ask_person(who=MEMBER)).status_code == 403
    assert "Only admins" in words((await letting.get(PEOPLE, who=MEMBER)).text)
    for path in ("none", str(uuid.uuid4())):
        assert (await letting.get(f"{PEOPLE}/{path}")).status_code == 404
        assert (await letting.call_person("GET", f"/{path}")).status_code == 404
        assert (await letting.call_person("DELETE", f"/{path}")).status_code == 404
    assert await letting.shop.rows("SELECT FROM person_requests") == []

    answer = await letting.ask_person(f" {WHO.upper()} ")
    page = await letting.page()
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    again = await letting.call_person("POST", body={"email": WHO, "confirmation": WHO})
    told = again.json()
    assert (again.status_code, told["state"], told["calls"], "email" in told) == (202, "asked", None, False)
    assert len(await letting.shop.rows("SELECT FROM person_requests")) == 1
    # Somebody else is another request.
    await letting.ask_person("other@quillstone.example")
    audited = await letting.audited("person_erasure")
    assert [(who, diff["deletion"]) for who, diff in audited] == [(ADMIN.user_id, ("", '"asked"'))] * 2
    assert WHO not in str(audited)
    # Whose data it is admins see, and nobody else.
    assert WHO in (await letting.get(page)).text
    assert WHO in (await letting.get()).text
    for path in (page, PAGE):
        shown = await letting.get(path, who=MEMBER)
        assert (shown.status_code, WHO in shown.text) == (200, False)
    # Until the day is over ingest only looks, and nothing is begun.
    await letting.work()
    searches = await letting.told()
    assert [type(one) for one in searches] == [PersonSearchRequested] * 2
    assert next((one.email, one.attempt) for one in searches if isinstance(one, PersonSearchRequested)) == (WHO, 0)
    assert letting.ledger() == {}


async def test_how_much_there_is_is_shown_before_anything_is_erased(letting: LettingSomebodyGo) -> None:
    await letting.ask_person()
    page = await letting.page()
    looking = await letting.get(page)
    assert ("being looked for" in words(looking.text), looking.headers["refresh"]) == (True, "5")
    await letting.answers(await letting.found(0, calls_found=12_345, user_ids=[USER]))
    shown = await letting.get(page)
    assert "Calls found 12,345" in words(shown.text)
    assert "every report that read one of them goes too" in words(shown.text)
    assert "refresh" not in shown.headers
    assert (await letting.call_person("GET", page.removeprefix(PEOPLE))).json()["calls"] == 12_345
    # It is only shown: nobody is noted before the day is over.
    assert (await letting.erasure())["user_ids"] is None


async def test_it_is_taken_back_within_a_day_and_not_later(letting: LettingSomebodyGo) -> None:
    await letting.ask_person()
    assert (await letting.take_person_back(who=MEMBER)).status_code == 403
    for _ in range(2):
        assert (await letting.take_person_back()).status_code == 303
    erasure = await letting.erasure()
    assert (erasure["state"], erasure["email"], erasure["asked_by"]) == ("taken_back", None, None)
    assert [diff["deletion"] for _, diff in await letting.audited("person_erasure")] == [
        ("", '"asked"'),
        ('"asked"', ""),
    ]
    # What ingest still answers changes nothing, and nothing begins.
    await letting.answers(await letting.found(0, calls_found=3))
    await letting.a_day_passes()
    await letting.work()
    assert len(await letting.told()) == 1
    assert (await letting.ask_person()).status_code == 303
    await letting.shop.rows("UPDATE person_requests SET take_back_until = now() WHERE state = 'asked'")
    late = await letting.take_person_back()
    assert (late.status_code, "cannot be stopped" in words(late.text)) == (409, True)


async def test_from_the_request_to_the_certificate(letting: LettingSomebodyGo) -> None:
    await letting.ask_person()
    await letting.a_day_passes()
    await letting.work()
    search = (await letting.told())[-1]
    assert isinstance(search, PersonSearchRequested)
    assert (search.email, search.attempt) == (WHO, 1)
    assert letting.ledger() == {}
    await letting.answers(await letting.found(1, calls=CALLS, user_ids=[USER], rows_by_address=1))
    await letting.work()
    # The ledger first, then all are told: ids, and never the address.
    erasure_id = await letting.id()
    [(name, entry)] = letting.ledger().items()
    assert name.endswith(f"/person-erasures/{MINE}/{erasure_id}/000001.json")
    assert WHO not in str(entry)
    [order] = await letting.orders()
    assert WHO.encode() not in order.SerializeToString()
    assert (order.attempt, list(order.user_ids), len(order.calls)) == (1, [USER], 2)
    await letting.all_answer(1, ROWS, objects=4)
    assert "cannot be stopped" in words((await letting.get(await letting.page())).text)
    await _looked_for_again(letting)

    erasure = await letting.erasure()
    emptied = ("next_at", "asked_by", "ticket", "email", "user_ids", "calls")
    assert (erasure["state"], {name: erasure[name] for name in emptied}) == ("completed", dict.fromkeys(emptied))
    await _told_to_nobody_else(letting)
    await _check_certificate(letting, str(erasure_id))
    # There may be something new later: it can be asked for again.
    assert (await letting.ask_person()).status_code == 303
    assert await letting.state() == "asked"


async def _looked_for_again(letting: LettingSomebodyGo) -> None:
    # Ten minutes after the last answer, and not before, it is looked for again.
    await letting.later()
    assert len(await letting.told()) == 3
    await letting.shop.rows("UPDATE person_requests SET next_at = now()")
    await letting.work()
    assert len(await letting.told()) == 3
    await letting.later()
    assert [one.attempt for one in await letting.told() if isinstance(one, PersonSearchRequested)] == [0, 1, 2]
    await letting.answers(await letting.found(2, user_ids=[USER]))
    await letting.work()
    await letting.later()
    # One has found something: once more.
    await letting.all_answer(2, {"held_calls": 1})
    await letting.work()
    await letting.looked_again(3)
    assert (await letting.get(f"{await letting.page()}/certificate.pdf")).status_code == 404
    await letting.all_answer(3)
    await letting.work()


async def _told_to_nobody_else(letting: LettingSomebodyGo) -> None:
    view = (await letting.call_person("GET", f"/{await letting.id()}")).json()
    assert (view["state"], view["calls"]) == ("completed", 2)
    parts = {one["service"]: (one["stage"], one["rows"], one["objects"]) for one in view["services"]}
    assert parts.pop("ingest") == ("verified", 4, 4)
    assert parts == dict.fromkeys(("analysis", "audit", "credential-vault", "retention"), ("verified", 0, 0))
    assert [diff["deletion"] for _, diff in await letting.audited("person_erasure")][-1] == ('"asked"', '"done"')
    # One entry: later attempts knew nothing new.
    assert len(letting.ledger()) == 1
    # Nobody was told to erase a workspace.
    assert not [one for one in await letting.shop.said() if isinstance(one.payload, ErasureRequested | ErasureVerify)]
    assert await letting.shop.rows("SELECT FROM erasures UNION ALL SELECT FROM tombstones") == []


async def _check_certificate(letting: LettingSomebodyGo, erasure_id: str) -> None:
    page = (await letting.get(f"{PEOPLE}/{erasure_id}", who=MEMBER)).text
    pdf, signed = re.findall(rf'href="({PEOPLE}/{erasure_id}/certificate\.[^"]+)"', page)
    statement = (await letting.get(signed, who=MEMBER)).text
    keys = [
        callmine_verify.read_key(one) for one in (await letting.get("/trust/certificate-keys", who=None)).text.split()
    ]
    checked = callmine_verify.check_certificate(statement, keys)
    told = checked["predicate"]
    assert (told["workspace"], told["erasure"], told["scope"], told["calls"], told["verifications"]) == (
        MINE,
        erasure_id,
        "person",
        2,
        2,
    )
    assert f"request {erasure_id} names of one person" in callmine_verify.told_certificate(checked)
    document = (await letting.get(pdf)).content
    text = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(document)).pages)
    assert erasure_id in text
    payload = json.dumps(told)
    for who in (WHO, USER, ADMIN.email, ADMIN.user_id, "Harborline", CALLS[0].call_id):
        assert who not in text + payload
    printed = await run(
        app, "erasures", "certificate", MINE, "--request", erasure_id, env=environment_for(letting.settings)
    )
    assert printed.stdout.strip() == statement.strip()


async def test_calls_that_do_not_fit_go_with_the_next_attempt_at_once(letting: LettingSomebodyGo) -> None:
    await letting.begun(more=True)
    await letting.all_answer(1, ROWS)
    await letting.work()
    # Nothing is waited for.
    assert (await letting.erasure())["attempt"] == 2
    other = Call("gong", "7003")
    await letting.answers(await letting.found(2, calls=[other], user_ids=[USER], calls_found=3))
    await letting.work()
    await letting.later()
    orders = await letting.orders()
    assert [[one.call_id for one in order.calls] for order in orders] == [["7001", "7002"], ["7003"]]
    assert [list(order.user_ids) for order in orders] == [[USER], [USER]]
    assert sorted(name[-11:] for name in letting.ledger()) == ["000001.json", "000002.json"]
    await letting.all_answer(2)
    await letting.work()
    # It found something new, so it was not the last one, though nobody erased anything.
    assert await letting.state() == "erasing"
    await letting.looked_again(3)
    await letting.all_answer(3)
    await letting.work()
    assert await letting.state() == "completed"
    page = (await letting.get(f"{await letting.page()}/certificate.json")).text
    statement = callmine_verify.check_certificate(
        page, [callmine_verify.read_key((await letting.get("/trust/certificate-keys", who=None)).text.split()[0])]
    )
    assert len(statement["subject"]) == 2


async def test_retention_erases_its_own_rows_about_the_person(letting: LettingSomebodyGo) -> None:
    mine = f"workspace_id = '{MINE}'"
    other = "user_2NNEqL2nrIRdJ194ndJqAHwEfxD"
    for user, email in ((USER, "Dana@Quillstone.example"), (other, "ben@quillstone.example")):
        await letting.shop.rows(
            "INSERT INTO sub_processor_notices (workspace_id, recipient, listed_on, user_id)"
            f" VALUES ('{MINE}', 'one', '2026-01-01', '{user}'), ('{THEIRS}', 'one', '2026-01-01', '{user}')"
        )
        await letting.shop.rows(
            "INSERT INTO checkouts (workspace_id, id, kind, plan, price_id, user_id, email) VALUES"
            f" ('{MINE}', gen_random_uuid(), 'plan', 'growth', 'p', '{user}', '{email}'),"
            f" ('{THEIRS}', gen_random_uuid(), 'plan', 'growth', 'p', '{user}', '{email}')"
        )
        await letting.shop.rows(
            f"INSERT INTO memberships (workspace_id, user_id, present, role, sequence) VALUES"
            f" ('{MINE}', '{user}', false, 'member', 1), ('{THEIRS}', '{user}', false, 'member', 1)"
        )
    await letting.ask_person("other@quillstone.example")
    await letting.shop.rows(f"UPDATE person_requests SET asked_by = 'DANA@quillstone.example' WHERE {mine}")
    await letting.shop.rows("UPDATE person_requests SET asked_at = asked_at - interval '1 day'")
    await letting.begun()
    left = {
        table: await letting.shop.rows(f"SELECT workspace_id, user_id FROM {table} ORDER BY workspace_id, user_id")
        for table in ("sub_processor_notices", "checkouts", "memberships")
    }
    for table, rows in left.items():
        of_mine = [one["user_id"] for one in rows if one["workspace_id"] == MINE]
        assert of_mine == (["", other] if table == "checkouts" else [other]), table
        assert [one["user_id"] for one in rows if one["workspace_id"] == THEIRS] == [USER, other], table
    assert await letting.shop.rows(f"SELECT FROM checkouts WHERE {mine} AND email ILIKE 'dana%'") == []
    [asked] = await letting.shop.rows("SELECT asked_by FROM person_requests WHERE email = 'other@quillstone.example'")
    assert asked["asked_by"] is None
    # The other request is under way as well, and waits for its search.
    own = "SELECT erased_rows FROM person_request_parts WHERE service = 'retention' AND attempt > 0"
    [part] = await letting.shop.rows(own)
    assert json.loads(part["erased_rows"]) == {
        "checkouts": 1,
        "memberships": 1,
        "person_requests": 1,
        "sub_processor_notices": 1,
    }


async def test_somebody_who_is_a_member_or_of_whom_nothing_is_kept_ends_it(letting: LettingSomebodyGo) -> None:
    for state, found, said in (
        ("still_member", {"still_member": True}, "is a member of the workspace"),
        ("not_found", {}, "Nothing is kept of this person"),
    ):
        await letting.ask_person()
        for _ in range(2):
            await letting.answers(await letting.found(0, **found))  # type: ignore[arg-type]
        assert await letting.state() == state
        assert said in words((await letting.get(await letting.page())).text)
        erasure = await letting.erasure()
        assert (erasure["email"], erasure["asked_by"], erasure["next_at"]) == (None, None, None)
        assert (await letting.take_person_back()).status_code == 404
        # Told a day later it ends as well, before anything is erased.
        await letting.ask_person()
        await letting.a_day_passes()
        await letting.work()
        await letting.answers(await letting.found(1, **found))  # type: ignore[arg-type]
        assert await letting.state() == state
        await letting.later()
        assert await letting.state() == state
    assert letting.ledger() == {}
    assert await letting.orders() == []
    # It is no breach that there was nothing to erase.
    await letting.shop.rows("UPDATE person_requests SET deadline = now() - interval '1 day'")
    assert "not done within" not in words((await letting.get("/trust", who=None)).text)
    # Who was an invitation only is somebody.
    await letting.ask_person()
    await letting.answers(await letting.found(0, rows_by_address=1))
    assert await letting.state() == "asked"


async def test_answers_that_are_nobodys_are_parked_and_late_ones_change_nothing(letting: LettingSomebodyGo) -> None:
    await letting.ask_person()
    consumer = letting.shop.retention.consumer("person-erasure-receipts")
    erasure_id = await letting.id()
    early = [await letting.found(1), await letting.answer("ingest", 1, ROWS)]
    await consumer.process([delivery(one) for one in early])
    await letting.a_day_passes()
    await letting.work()
    found = person_erasing.found(person_erasing.Found(erasure_id=erasure_id, attempt=1, at=datetime.now(UTC)))
    wrong = [
        await letting.answer("ingest", 1, ROWS),
        letting.said_by(found, "analysis", erasure_id),
        letting.said_by(found, "ingest", erasure_id, THEIRS),
    ]
    await consumer.process([delivery(one) for one in wrong])
    await letting.answers(await letting.found(1, calls=CALLS, user_ids=[USER]))
    await letting.later()
    told = PersonAnswer(erasure_id=erasure_id, service="retention", attempt=1, at=datetime.now(UTC), rows=ROWS)
    more = [
        letting.said_by(person_erasing.answer(told), "ingest", erasure_id),
        letting.said_by(person_erasing.answer(told), "retention", erasure_id),
        await letting.answer("ingest", 2),
        await letting.found(2),
    ]
    await consumer.process([delivery(one) for one in more])
    assert len(await parked_reasons(letting.shop.retention.dsns)) == len(early) + len(wrong) + len(more)
    assert await letting.state() == "erasing"
    assert await letting.shop.rows("SELECT FROM person_request_parts WHERE service = 'ingest' AND attempt > 0") == []
    # What was found before, said again and otherwise, changes nothing.
    await letting.answers(await letting.found(1), await letting.found(0), await letting.found(1, still_member=True))
    assert (await letting.state(), (await letting.erasure())["user_ids"]) == ("erasing", [USER])


async def test_an_erased_workspace_takes_no_request(letting: LettingSomebodyGo) -> None:
    """The fence, whoever would pass by the page."""
    async with letting.shop.retention.parts.db.workspace(MINE) as tx:
        await tombstones.freeze(tx, Order("all", datetime.now(UTC), datetime.now(UTC)))
    assert (await letting.ask_person()).status_code == 410
    assert await letting.shop.rows("SELECT FROM person_requests") == []


async def test_what_takes_long_is_told_of_and_a_breach_is_public(
    letting: LettingSomebodyGo, caplog: pytest.LogCaptureFixture
) -> None:
    await letting.begun()
    assert "1 under way" in words((await letting.get("/trust", who=None)).text)
    await letting.shop.rows("UPDATE person_requests SET alarm_at = now()")
    for _ in range(2):
        await letting.work()
    assert [one.getMessage() for one in caplog.records].count("an erasure is not done by the third business day") == 1
    # Nothing that is logged says whom it is about.
    assert not [one for one in caplog.records if WHO in str(vars(one)) or USER in str(vars(one))]
    breach = "1 request for erasure is not done within seven business days"
    assert breach not in words((await letting.get("/trust", who=None)).text)
    await letting.shop.rows("UPDATE person_requests SET deadline = now() - interval '1 s'")
    assert breach in words((await letting.get("/trust", who=None)).text)
    assert "late" in words((await letting.get(await letting.page())).text)
    listed = (await run(app, "erasures", "list", env=environment_for(letting.settings))).stdout
    assert f"person, request {await letting.id()}" in listed
    assert ("LATE" in listed, WHO in listed) == (True, False)
    await letting.all_answer(1, ROWS)
    await letting.work()
    await letting.looked_again(2)
    await letting.all_answer(2)
    await letting.work()
    assert "1 request of the last year was completed too late" in words((await letting.get("/trust", who=None)).text)


async def test_staff_opens_a_request_for_a_mail(letting: LettingSomebodyGo) -> None:
    environment = environment_for(letting.settings) | {
        "CALLMINE_STAFF_ACCOUNTS": STAFF,
        "CALLMINE_STAFF_AUDIENCE": STAFF_AUDIENCE,
        "CALLMINE_STAFF_IDENTITY_TOKEN": letting.shop.outside.push_token(STAFF_AUDIENCE, STAFF),
    }
    asked = ("erasures", "open", MINE, "--person", WHO, "--ticket", "SUP-412")
    for wrong in (("--received", "2020-01-01T00:00:00Z"), ("--report", str(uuid.uuid4()))):
        assert (await run(app, *asked, *wrong, env=environment)).exit_code != 0
    nobody = ("erasures", "open", "org_none", *asked[3:])
    assert "no such workspace" in (await run(app, *nobody, env=environment)).stderr
    assert "no e-mail address" not in (await run(app, *asked, env=environment)).stderr
    opened = await run(app, *asked, env=environment)
    assert opened.exit_code == 0, opened.stderr
    assert opened.stdout.strip().endswith(await letting.page())
    [(who, diff)] = await letting.audited("person_erasure")
    assert (who, diff["ticket"]) == (STAFF, ("", '"SUP-412"'))
    assert "by our staff, for a mail" in words((await letting.get(await letting.page())).text)
    shown = ("erasures", "show", MINE, "--request", str(await letting.id()))
    assert "asked" in (await run(app, *shown, env=environment)).stdout
    assert "no certificate" in (await run(app, "erasures", "certificate", *shown[2:], env=environment)).stderr
    none = (*shown[:4], str(uuid.uuid4()))
    assert "Nobody has asked" in (await run(app, *none, env=environment)).stderr
    assert (await letting.take_person_back()).status_code == 303


async def test_orders_go_to_nobody_else(letting: LettingSomebodyGo) -> None:
    """The address travels to ingest, in searches alone."""
    await letting.begun()
    for event in await letting.shop.said():
        carries = WHO in str(event.payload)
        assert carries == isinstance(event.payload, PersonSearchRequested), type(event.payload)
    assert [type(one) for one in await letting.orders()] == [PersonErasureRequested]

"""An admin asks for one report to be erased: the request, what analysis is told, the certificate, and what goes wrong on the way."""

from __future__ import annotations

import io
import random
import re
import uuid
from datetime import UTC, datetime
from html import unescape

import pypdf
import pytest
from google.protobuf.message import Message

from audit.verify import callmine_verify
from callmine.erasure.v1.erasure_pb2 import ErasureRequested, ErasureVerify
from callmine.erasure.v1.reports_pb2 import ReportErasureRequested, ReportErasureVerify
from contracts import Event
from contracts.erasing import Order
from integration.retention.leaving import ERASED as ALL_ERASED
from integration.retention.leaving import PAGE, Leaving
from integration.retention.leaving import VERIFIED as ALL_VERIFIED
from integration.retention.letting_one_go import (
    ERASED,
    FROZEN,
    OTHER,
    REPORT,
    UNKNOWN,
    VERIFIED,
    LettingOneGo,
    page_of,
)
from integration.retention.shop import MINE, THEIRS, words
from messaging.erasure import store as tombstones
from retention.cli import app
from testkit.commands import run
from testkit.messages import delivery, parked_reasons
from testkit.outside import ADMIN, MEMBER
from testkit.services import environment_for

STAFF, STAFF_AUDIENCE = "ada@callmine.example", "callmine-staff"
ROWS = {"reports": 1, "quotes": 12}


@pytest.fixture
def letting(leaving: Leaving) -> LettingOneGo:
    """The same service, for single reports."""
    return LettingOneGo(leaving.shop, leaving.objects, leaving.settings)


async def test_it_is_asked_for_by_an_admin_who_types_the_id_and_once(letting: LettingOneGo) -> None:
    assert "Type the end of the report's id: c0ffee01" in unescape(words((await letting.get(page_of())).text))
    for wrong in ("", "c0ffee02", "report"):
        refused = await letting.ask_report(typed=wrong)
        assert (refused.status_code, "not the end of the report" in words(refused.text)) == (400, True)
    assert (await letting.ask_report(who=MEMBER)).status_code == 403
    assert "Only admins" in words((await letting.get(page_of(), who=MEMBER)).text)
    assert (await letting.get(f"{PAGE}/reports/none")).status_code == 404
    assert (await letting.call_report("GET")).status_code == 404
    assert await letting.shop.rows("SELECT FROM report_erasures") == []

    for typed in ("C0FFEE01 ", str(REPORT)):
        answer = await letting.ask_report(typed=typed)
        assert (answer.status_code, answer.headers["location"]) == (303, page_of())
    again = await letting.call_report("POST", body={"confirmation": "c0ffee01"})
    assert (again.status_code, again.json()["state"], again.json()["report_id"]) == (202, "asked", str(REPORT))
    assert len(await letting.shop.rows("SELECT FROM report_erasures")) == 1
    # One of another report is another request.
    await letting.ask_report(OTHER)
    assert [(who, diff["deletion"]) for who, diff in await letting.audited("report")] == [
        (ADMIN.user_id, ("", '"asked"'))
    ] * 2
    page = words((await letting.get()).text)
    assert ("…c0ffee01" in page, "…c0ffee02" in page, "Erase this workspace" in page) == (True, True, True)
    # Until the day is over analysis is only asked whether there is such a report.
    await letting.work()
    assert [type(one).__name__ for one in await letting.told()] == ["ReportErasureAnnounced"] * 2
    assert letting.ledger() == {}


async def test_it_is_taken_back_within_a_day_and_not_later(letting: LettingOneGo) -> None:
    assert (await letting.take_report_back()).status_code == 404
    await letting.ask_report()
    assert (await letting.take_report_back(who=MEMBER)).status_code == 403
    for _ in range(2):
        assert (await letting.take_report_back()).status_code == 303
    assert (await letting.call_report("DELETE")).json()["state"] == "taken_back"
    assert [diff["deletion"] for _, diff in await letting.audited("report")] == [("", '"asked"'), ('"asked"', "")]
    await letting.a_day_passes()
    await letting.work()
    assert not [one for one in await letting.told() if isinstance(one, ReportErasureRequested)]
    assert (await letting.ask_report()).status_code == 303
    await letting.shop.rows("UPDATE report_erasures SET take_back_until = now() WHERE state = 'asked'")
    late = await letting.take_report_back()
    assert (late.status_code, "cannot be stopped" in words(late.text)) == (409, True)


async def test_from_the_request_to_the_certificate(letting: LettingOneGo) -> None:
    erasure_id = await letting.begun()
    requested = (await letting.told())[-1]
    assert isinstance(requested, ReportErasureRequested)
    assert (requested.erasure_id, requested.report_id) == (str(erasure_id), str(REPORT))
    [(name, entry)] = letting.ledger().items()
    assert name.endswith(f"/report-erasures/{MINE}/{erasure_id}.json")
    assert (entry["report"], entry["callmine_report_erasure"]) == (str(REPORT), 1)  # type: ignore[index]

    await letting.answers(letting.answer(erasure_id, FROZEN), letting.answer(erasure_id, ERASED, rows=ROWS))
    assert "cannot be stopped" in words((await letting.get(page_of())).text)
    await letting.work()
    await letting.answers(letting.answer(erasure_id, VERIFIED, attempt=1, left={"objects": 1}))
    await letting.work()
    told = [one.attempt for one in await letting.told() if isinstance(one, ReportErasureVerify)]
    assert told == [1, 2]
    assert (await letting.get(f"{page_of()}/certificate.pdf")).status_code == 404
    await letting.answers(letting.answer(erasure_id, VERIFIED, attempt=2))
    await letting.work()

    erasure = await letting.erasure()
    assert (erasure["state"], erasure["next_at"], erasure["asked_by"], erasure["ticket"]) == (
        "completed",
        None,
        None,
        None,
    )
    [part] = (await letting.call_report("GET")).json()["services"]
    assert part == {"service": "analysis", "stage": "verified", "rows": 13, "objects": 2}
    assert [diff["deletion"] for _, diff in await letting.audited("report")][-1] == ('"asked"', '"done"')
    refused = await letting.ask_report()
    assert (refused.status_code, "was erased on" in words(refused.text)) == (409, True)
    # Nobody was told to erase a workspace.
    assert not [one for one in await letting.shop.said() if isinstance(one.payload, ErasureRequested | ErasureVerify)]
    assert await letting.shop.rows("SELECT FROM erasures UNION ALL SELECT FROM tombstones") == []
    await _check_certificate(letting, str(erasure_id))


async def _check_certificate(letting: LettingOneGo, erasure_id: str) -> None:
    page = (await letting.get(page_of(), who=MEMBER)).text
    pdf, signed = re.findall(rf'href="({page_of()}/certificate\.[^"]+)"', page)
    statement = (await letting.get(signed, who=MEMBER)).text
    keys = [
        callmine_verify.read_key(one) for one in (await letting.get("/trust/certificate-keys", who=None)).text.split()
    ]
    checked = callmine_verify.check_certificate(statement, keys)
    told = checked["predicate"]
    assert (told["workspace"], told["erasure"], told["scope"], told["report"], told["in_time"]) == (
        MINE,
        erasure_id,
        "report",
        str(REPORT),
        True,
    )
    assert callmine_verify.told_certificate(checked).startswith(f"report {REPORT} of workspace {MINE} was erased at")
    assert [one["rows"] for one in told["services"]] == [ROWS]
    document = (await letting.get(pdf)).content
    text = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(document)).pages)
    assert str(REPORT) in text
    for who in (ADMIN.email, ADMIN.user_id, "Harborline"):
        assert who not in text + statement
    printed = await run(
        app, "erasures", "certificate", MINE, "--report", str(REPORT), env=environment_for(letting.settings)
    )
    assert printed.stdout.strip() == statement.strip()


async def test_a_report_that_there_is_none_of_is_told_of_at_once(letting: LettingOneGo) -> None:
    await letting.ask_report()
    erasure_id = (await letting.erasure())["id"]
    for _ in range(2):
        await letting.answers(letting.answer(erasure_id, UNKNOWN))
    assert (await letting.call_report("GET")).json()["state"] == "not_found"
    page = words((await letting.get(page_of())).text)
    assert ("There is no such report in this workspace" in page, "Erase this report" in page) == (True, True)
    assert (await letting.take_report_back()).status_code == 404
    erasure = await letting.erasure()
    assert (erasure["asked_by"], erasure["next_at"]) == (None, None)
    await letting.a_day_passes()
    await letting.work()
    assert letting.ledger() == {}
    # It can be asked for again, and may be told a day later as well.
    erasure_id = await letting.begun()
    await letting.answers(letting.answer(erasure_id, UNKNOWN))
    assert await letting.state() == "not_found"
    await letting.now()
    await letting.work()
    assert await letting.state() == "not_found"
    # It is no breach that there was none.
    await letting.shop.rows("UPDATE report_erasures SET deadline = now() - interval '1 day'")
    assert "not done within" not in words((await letting.get("/trust", who=None)).text)


async def test_answers_that_are_nobodys_are_parked_and_late_ones_change_nothing(letting: LettingOneGo) -> None:
    await letting.ask_report()
    erasure_id = (await letting.erasure())["id"]
    consumer = letting.shop.retention.consumer("report-erasure-receipts")
    wrong = [letting.answer(erasure_id, ERASED, rows=ROWS)]
    await consumer.process([delivery(wrong[0])])
    await letting.a_day_passes()
    await letting.work()
    wrong += [
        letting.answer(erasure_id, ERASED, producer="ingest"),
        letting.answer(erasure_id, ERASED, service="ingest", producer="ingest"),
        letting.answer(erasure_id, UNKNOWN, producer="ingest"),
        letting.answer(erasure_id, ERASED, workspace_id=THEIRS),
        letting.answer(erasure_id, UNKNOWN, workspace_id=THEIRS),
        letting.answer(erasure_id, VERIFIED, attempt=1),
        letting.answer(uuid.uuid4(), UNKNOWN),
        letting.answer("7", ERASED),
        letting.answer(erasure_id, 0),  # type: ignore[arg-type]
    ]
    await consumer.process([delivery(one) for one in wrong[1:]])
    assert len(await parked_reasons(letting.shop.retention.dsns)) == len(wrong)
    assert await letting.state() == "erasing"
    assert await letting.shop.rows("SELECT FROM report_erasure_parts WHERE frozen_at IS NOT NULL") == []
    await letting.answers(letting.answer(erasure_id, ERASED, rows=ROWS))
    await letting.work()
    # What was found before does not make one that is further a request for nothing.
    await letting.answers(letting.answer(erasure_id, UNKNOWN))
    assert await letting.state() == "verifying"


POINTS = (
    "erasure.after_claim",
    "erasure.after_ledger",
    "erasure.before_start_commit",
    "erasure.before_verify_commit",
    "erasure.before_complete_commit",
)


@pytest.mark.parametrize("seed", range(3))
async def test_crashes_and_answers_in_any_order_come_to_the_same_end(letting: LettingOneGo, seed: int) -> None:
    rng = random.Random(seed)
    await letting.ask_report()
    await letting.a_day_passes()
    for point in POINTS[:3]:
        await letting.crashing(point)
    await letting.work()
    erasure_id = (await letting.erasure())["id"]
    kept: list[Event[Message]] = [letting.answer(erasure_id, FROZEN), letting.answer(erasure_id, ERASED, rows=ROWS)]
    for attempt, found in ((0, None), (1, {"objects": 1}), (2, None)):
        if attempt:
            kept.append(letting.answer(erasure_id, VERIFIED, attempt=attempt, left=found))
        for one in rng.sample(kept, len(kept)):
            await letting.answers(one)
            await letting.crashing(rng.choice(POINTS))
        await letting.answers(*rng.choices(kept, k=3))
        for point in rng.sample(POINTS, len(POINTS)):
            await letting.crashing(point)
        await letting.now()
        await letting.work()
    settled = await letting.erasure()
    assert settled["state"] == "completed"
    names = [type(one).__name__ for one in await letting.told()]
    assert names == ["ReportErasureAnnounced", "ReportErasureRequested", "ReportErasureVerify", "ReportErasureVerify"]
    await letting.answers(*kept)
    await letting.now()
    await letting.work()
    assert await letting.erasure() == settled
    assert len(letting.ledger()) == 1
    assert [diff["deletion"] for _, diff in await letting.audited("report")] == [
        ("", '"asked"'),
        ('"asked"', '"done"'),
    ]


async def test_a_restored_database_is_told_by_the_ledger(letting: LettingOneGo) -> None:
    environment = environment_for(letting.settings)
    await letting.begun()
    asked = await letting.erasure()
    for restored in (
        "WITH parts AS (DELETE FROM report_erasure_parts) DELETE FROM report_erasures",
        "UPDATE report_erasures SET state = 'asked', started_at = NULL, erased_at = NULL",
    ):
        await letting.shop.rows(restored)
        await letting.shop.rows("DELETE FROM outbox")
        said = (await run(app, "erasures", "replay", env=environment)).stdout.splitlines()
        assert said[0].startswith("0 erasures are in the ledger; 0 of them")
        assert said[1] == "1 erasures of reports are in the ledger; 1 of them this database had forgotten."
        erasure = await letting.erasure()
        same = ("id", "report_id", "asked_at", "zone", "take_back_until", "target_at", "alarm_at", "deadline", "state")
        assert [erasure[name] for name in same] == [asked[name] for name in same]
    assert "0 of them" in (await run(app, "erasures", "replay", env=environment)).stdout.splitlines()[1]
    assert [type(one).__name__ for one in await letting.told()] == ["ReportErasureRequested"] * 2
    for stage, attempt in ((ERASED, 0), (VERIFIED, 1)):
        await letting.now()
        await letting.answers(letting.answer(asked["id"], stage, attempt=attempt))
        await letting.work()
    assert await letting.state() == "completed"
    # Two entries of one report, of which the first had found none, do not stand in each other's way.
    await letting.shop.rows("WITH parts AS (DELETE FROM report_erasure_parts) DELETE FROM report_erasures")
    again = await letting.begun()
    assert again != asked["id"]
    await letting.shop.rows("WITH parts AS (DELETE FROM report_erasure_parts) DELETE FROM report_erasures")
    assert (
        (await run(app, "erasures", "replay", env=environment))
        .stdout.splitlines()[1]
        .startswith("2 erasures of reports are in the ledger; 1 of them")
    )


async def test_it_ends_with_the_workspace(letting: LettingOneGo, leaving: Leaving) -> None:
    """Nobody answers for a report of a workspace that is being erased: the request waits, and ends with it."""
    environment = environment_for(letting.settings)
    erasure_id = await letting.begun()
    await letting.ask_report(OTHER)
    await leaving.ask()
    await leaving.a_day_passes()
    await leaving.work()
    refused = await letting.ask_report(uuid.uuid4(), typed=None)
    assert (refused.status_code, "each of its reports with it" in words(refused.text)) == (409, True)
    await letting.answers(letting.answer(erasure_id, ERASED, rows=ROWS))
    await letting.now()
    await letting.work()
    assert not [one for one in await letting.told() if isinstance(one, ReportErasureVerify)]
    for stage, attempt in ((ALL_ERASED, 0), (ALL_VERIFIED, 1)):
        await leaving.all_report(stage, attempt)
        await leaving.work()
    assert (await leaving.erasure())["state"] == "completed"
    rows = await letting.shop.rows("SELECT state, asked_by, next_at FROM report_erasures")
    assert [dict(one) for one in rows] == [{"state": "with_workspace", "asked_by": None, "next_at": None}] * 2
    assert "Erased with the workspace" in words((await leaving.get()).text)
    # What analysis still says changes nothing; nothing can be asked; and a replay passes over it.
    await letting.answers(letting.answer(erasure_id, FROZEN), letting.answer(erasure_id, UNKNOWN))
    assert (await letting.ask_report(uuid.uuid4())).status_code == 409
    said = await run(app, "erasures", "replay", env=environment)
    assert said.stdout.splitlines() == [
        "1 erasures are in the ledger; 0 of them this database had forgotten. All services are told.",
        "1 erasures of reports are in the ledger; 0 of them this database had forgotten.",
        "0 attempts at people's data are in the ledger; 0 of them this database had forgotten.",
    ]


async def test_an_erased_workspace_takes_no_request(letting: LettingOneGo) -> None:
    """The fence, whoever would pass by the page."""
    async with letting.shop.retention.parts.db.workspace(MINE) as tx:
        await tombstones.freeze(tx, Order("all", datetime.now(UTC), datetime.now(UTC)))
    assert (await letting.ask_report()).status_code == 410
    assert await letting.shop.rows("SELECT FROM report_erasures") == []


async def test_what_takes_long_is_told_of_and_a_breach_is_public(
    letting: LettingOneGo, caplog: pytest.LogCaptureFixture
) -> None:
    erasure_id = await letting.begun()
    assert "1 under way" in words((await letting.get("/trust", who=None)).text)
    await letting.shop.rows("UPDATE report_erasures SET alarm_at = now()")
    for _ in range(2):
        await letting.work()
    assert [one.getMessage() for one in caplog.records].count("an erasure is not done by the third business day") == 1
    breach = "1 request for erasure is not done within seven business days"
    assert breach not in words((await letting.get("/trust", who=None)).text)
    await letting.shop.rows("UPDATE report_erasures SET deadline = now() - interval '1 s'")
    assert breach in words((await letting.get("/trust", who=None)).text)
    assert "late" in words((await letting.get(page_of())).text)
    listed = (await run(app, "erasures", "list", env=environment_for(letting.settings))).stdout
    assert f"report {REPORT}" in listed
    assert "LATE" in listed
    for stage, attempt in ((ERASED, 0), (VERIFIED, 1)):
        await letting.answers(letting.answer(erasure_id, stage, attempt=attempt))
        await letting.work()
    assert "1 request of the last year was completed too late" in words((await letting.get("/trust", who=None)).text)


async def test_staff_opens_a_request_for_a_mail(letting: LettingOneGo) -> None:
    environment = environment_for(letting.settings) | {
        "CALLMINE_STAFF_ACCOUNTS": STAFF,
        "CALLMINE_STAFF_AUDIENCE": STAFF_AUDIENCE,
        "CALLMINE_STAFF_IDENTITY_TOKEN": letting.shop.outside.push_token(STAFF_AUDIENCE, STAFF),
    }
    asked = ("erasures", "open", MINE, "--report", str(REPORT), "--ticket", "SUP-412")
    for wrong in (("--received", "2020-01-01T00:00:00Z"), ("--received", "2999-01-01T00:00:00Z")):
        assert (await run(app, *asked, *wrong, env=environment)).exit_code != 0
    nobody = ("erasures", "open", "org_none", *asked[3:])
    assert "no such workspace" in (await run(app, *nobody, env=environment)).stderr
    opened = await run(app, *asked, env=environment)
    assert opened.exit_code == 0, opened.stderr
    assert (await run(app, *asked, env=environment)).stdout == opened.stdout
    assert opened.stdout.strip().endswith(page_of())
    [(who, diff)] = await letting.audited("report")
    assert (who, diff["ticket"]) == (STAFF, ("", '"SUP-412"'))
    assert "by our staff, for a mail" in words((await letting.get(page_of())).text)
    shown = ("erasures", "show", MINE, "--report", str(REPORT))
    assert "asked" in (await run(app, *shown, env=environment)).stdout
    assert "Nobody has asked" in (await run(app, *shown[:3], env=environment)).stderr
    assert "no certificate" in (await run(app, "erasures", "certificate", *shown[2:], env=environment)).stderr
    assert (await letting.take_report_back()).status_code == 303

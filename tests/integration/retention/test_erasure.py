"""A workspace asks to be erased: the request, taking it back, what is told to whom, the certificate, and what goes wrong on the way."""

from __future__ import annotations

import io
import itertools
import json
import random
import re
from html import unescape
from urllib.parse import urlsplit

import pypdf
import pytest
from google.protobuf.message import Message

from audit.verify import callmine_verify
from callmine.erasure.v1.erasure_pb2 import ErasureRequested, ErasureVerify
from contracts import Event
from core.errors import Transient
from integration.retention.leaving import ERASED, FROZEN, PAGE, VERIFIED, Leaving, stages
from integration.retention.shop import MINE, THEIRS, words
from local.sandbox.clerk.people import HARBORLINE
from retention.cli import app
from retention.domain.erasures import TOLD
from testkit.commands import run
from testkit.messages import delivery, parked_reasons
from testkit.outside import ADMIN, MEMBER
from testkit.services import environment_for

STAFF, STAFF_AUDIENCE = "ada@callmine.example", "callmine-staff"


async def test_it_is_asked_for_by_an_admin_who_types_the_name_and_once(leaving: Leaving) -> None:
    assert "Erase this workspace" in words((await leaving.get()).text)
    for wrong in ("", "harborline", "Harborline Ltd"):
        refused = await leaving.ask(wrong)
        assert refused.status_code == 400
        assert "not the workspace's name" in words(refused.text).replace("&#39;", "'")
    assert (await leaving.ask(who=MEMBER)).status_code == 403
    assert await leaving.shop.rows("SELECT * FROM erasures") == []

    for _ in range(2):
        answer = await leaving.ask()
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    again = await leaving.call("POST", {"workspace_name": "Harborline"})
    assert (again.status_code, again.json()["state"]) == (202, "asked")
    # Asked twice at once as well.
    assert len(await leaving.shop.rows("SELECT * FROM erasures")) == 1
    [(who, diff)] = await leaving.audited()
    assert (who, diff["deletion"]) == (ADMIN.user_id, ("", '"asked"'))

    page = words((await leaving.get()).text)
    assert "Take the request back" in page
    assert "/erasures/" not in words((await leaving.get(who=MEMBER)).text)
    # Whoever is asked about is left alone, and nobody else's.
    await leaving.work()
    assert await leaving.told() == []
    assert leaving.ledger() == {}


async def test_it_is_taken_back_within_a_day_and_not_later(leaving: Leaving) -> None:
    assert (await leaving.take_back()).status_code == 404
    await leaving.ask()
    assert (await leaving.take_back(who=MEMBER)).status_code == 403
    for _ in range(2):
        assert (await leaving.take_back()).status_code == 303
    assert (await leaving.call("DELETE")).json()["state"] == "taken_back"
    assert [diff["deletion"] for _, diff in await leaving.audited()] == [("", '"asked"'), ('"asked"', "")]
    await leaving.a_day_passes()
    await leaving.work()
    assert await leaving.told() == []

    # Asked for anew, it counts anew.
    assert (await leaving.ask()).status_code == 303
    await leaving.shop.rows("UPDATE erasures SET take_back_until = now() WHERE state = 'asked'")
    late = await leaving.take_back()
    assert (late.status_code, "cannot be stopped" in words(late.text)) == (409, True)


async def test_from_the_request_to_the_certificate(leaving: Leaving) -> None:
    """A workspace that pays, and has not paid: what it owes does not keep it."""
    await leaving.shop.subscribed()
    subscription = leaving.shop.subscription()
    subscription["status"] = "past_due"
    await leaving.ask()
    await leaving.take_back()
    await leaving.ask()
    link = _link((await leaving.get()).text)
    await leaving.a_day_passes()
    await leaving.work()
    [requested] = await leaving.told()
    erasure = await leaving.erasure()
    assert isinstance(requested, ErasureRequested)
    assert (requested.erasure_id, requested.due_at.ToDatetime()) == (str(erasure["id"]), _naive(erasure["deadline"]))
    [(name, entry)] = leaving.ledger().items()
    assert name.endswith(f"erasures/{MINE}/{erasure['id']}.json")
    assert entry["workspace"] == MINE  # type: ignore[index]
    assert leaving.shop.subscription()["status"] == "canceled"

    await leaving.all_report(FROZEN)
    await leaving.all_report(ERASED)
    assert "cannot be stopped" in words((await leaving.get()).text)
    await leaving.work()
    await leaving.all_report(VERIFIED, 1, {"calls": 2})
    await leaving.work()
    told = [one.attempt for one in await leaving.told() if isinstance(one, ErasureVerify)]
    assert told == [1, 2]
    assert "certificate" not in words((await leaving.get(link, who=None)).text).lower()
    await leaving.all_report(VERIFIED, 2)
    await leaving.work()

    erasure = await leaving.erasure()
    assert (erasure["state"], erasure["next_at"]) == ("completed", None)
    named = await leaving.shop.rows("SELECT id FROM erasures WHERE asked_by IS NOT NULL OR ticket IS NOT NULL")
    assert named == [], "neither who asked nor who took back"
    view = (await leaving.call("GET")).json()
    assert stages(view["services"]) == dict.fromkeys([*TOLD, "retention"], "verified")
    refused = await leaving.ask()
    assert (refused.status_code, "was erased on" in words(refused.text)) == (409, True)
    await _check_certificate(leaving, link, str(erasure["id"]))


async def _check_certificate(leaving: Leaving, link: str, erasure_id: str) -> None:
    """With the link alone: page, signed file, PDF; by the one-file verifier, and not when altered."""
    page = await leaving.get(link, who=None)
    assert page.status_code == 200
    pdf, signed = (unescape(one) for one in re.findall(r'href="(/erasures/[^"]+certificate\.[^"]+)"', page.text))
    statement = (await leaving.get(signed, who=None)).text
    keys = [
        callmine_verify.read_key(one) for one in (await leaving.get("/trust/certificate-keys", who=None)).text.split()
    ]
    told = callmine_verify.check_certificate(statement, keys)["predicate"]
    assert (told["workspace"], told["erasure"], told["in_time"], told["verifications"]) == (MINE, erasure_id, True, 2)
    rows = {one["service"]: one["rows"] for one in told["services"]}
    assert rows["ingest"] == {"calls": 7, "jobs": 2}
    assert rows["retention"].keys() >= {
        "workspaces",
        "subscriptions",
        "billing_accounts",
        "checkouts",
        "invoices",
        "outbox",
    }
    altered = json.loads(statement)
    altered["payload"] = altered["payload"][:-8] + "AAAAAAA="
    with pytest.raises((callmine_verify.Refuted, callmine_verify.Unreadable)):
        callmine_verify.check_certificate(json.dumps(altered), keys)

    document = (await leaving.get(pdf, who=None)).content
    text = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(document)).pages)
    assert erasure_id in text
    assert MINE in text
    assert (await leaving.get(f"{PAGE}/certificate.pdf", who=MEMBER)).content == document
    for who in (ADMIN.email, ADMIN.user_id, "Harborline"):
        assert who not in text
        assert who not in statement
        assert who not in page.text
    parts = urlsplit(link)
    for wrong in (parts.path, f"{parts.path}?{parts.query[:-1]}", link.replace("signature=", "signature=0")):
        assert (await leaving.get(wrong, who=None)).status_code == 404


async def test_reports_that_are_nobodys_are_parked(leaving: Leaving) -> None:
    await leaving.ask()
    early = leaving.receipt((await leaving.erasure())["id"], "ingest", FROZEN)
    await leaving.a_day_passes()
    erasure_id = (await leaving.erasure())["id"]
    consumer = leaving.shop.retention.consumer("erasure-receipts")
    await consumer.process([delivery(early)])
    await leaving.work()
    wrong = [
        leaving.receipt(erasure_id, "ingest", ERASED, producer="analysis"),
        leaving.receipt(erasure_id, "ingest", ERASED, workspace_id=THEIRS),
        leaving.receipt(erasure_id, "ingest", VERIFIED, attempt=1),
        leaving.receipt("7", "ingest", ERASED),
        leaving.receipt(erasure_id, "ingest", 0),  # type: ignore[arg-type]
    ]
    await consumer.process([delivery(one) for one in wrong])
    assert len(await parked_reasons(leaving.shop.retention.dsns)) == 1 + len(wrong)
    parts = await leaving.shop.rows("SELECT * FROM erasure_parts WHERE frozen_at IS NOT NULL OR attempt > 0")
    assert parts == []


POINTS = (
    "erasure.after_claim",
    "erasure.after_ledger",
    "erasure.before_start_commit",
    "erasure.after_payments",
    "erasure.before_verify_commit",
    "erasure.after_own_rows",
    "erasure.before_complete_commit",
)


@pytest.mark.parametrize("seed", range(2))
async def test_crashes_and_reports_in_any_order_come_to_the_same_end(leaving: Leaving, seed: int) -> None:
    rng = random.Random(seed)
    await leaving.shop.subscribed()
    await leaving.ask()
    await leaving.a_day_passes()
    for point in POINTS[:4]:
        await leaving.crashing(point)
    await leaving.work()
    erasure_id = (await leaving.erasure())["id"]
    kept: list[Event[Message]] = []
    for attempt in (1, 2):
        if attempt == 1:
            kept += [
                leaving.receipt(erasure_id, one, stage) for one, stage in itertools.product(TOLD, (FROZEN, ERASED))
            ]
        else:
            kept += [
                leaving.receipt(erasure_id, one, VERIFIED, attempt=1, left={"calls": 1} if one == "audit" else None)
                for one in TOLD
            ]
        rng.shuffle(kept)
        await leaving.report(*kept)
        for point in POINTS[4:]:
            await leaving.crashing(point)
        await leaving.now()
        await leaving.work()
    told = await leaving.told()
    assert [type(one).__name__ for one in told] == ["ErasureRequested", "ErasureVerify", "ErasureVerify"]
    last = [leaving.receipt(erasure_id, one, VERIFIED, attempt=2) for one in TOLD]
    rng.shuffle(last)
    await leaving.report(*last, *kept)
    for point in rng.sample(POINTS, len(POINTS)):
        await leaving.crashing(point)
    await leaving.now()
    await leaving.work()
    settled = await leaving.erasure()
    assert settled["state"] == "completed"
    await leaving.report(*kept, *last)
    await leaving.now()
    await leaving.work()
    assert await leaving.erasure() == settled
    assert len(leaving.ledger()) == 1


async def test_a_restored_database_is_told_by_the_ledger(leaving: Leaving) -> None:
    """A backup from before the request, and one from between: the workspace goes again, and there is a certificate again."""
    environment = environment_for(leaving.settings)
    await leaving.ask()
    await leaving.a_day_passes()
    await leaving.work()
    asked = await leaving.erasure()
    for restored in (
        "WITH parts AS (DELETE FROM erasure_parts) DELETE FROM erasures",
        "UPDATE erasures SET state = 'asked', started_at = NULL, payments_ended_at = NULL, erased_at = NULL",
    ):
        await leaving.shop.rows(restored)
        await leaving.shop.rows("DELETE FROM outbox")
        await leaving.shop.rows(
            "INSERT INTO workspaces VALUES ($1, 'Harborline', 'UTC', 1) ON CONFLICT DO NOTHING", MINE
        )
        said = (await run(app, "erasures", "replay", env=environment)).stdout
        assert said.startswith("1 erasures are in the ledger; 1 of them this database had forgotten")
        assert await leaving.shop.rows("SELECT * FROM workspaces") == []
        erasure = await leaving.erasure()
        same = ("id", "asked_at", "zone", "take_back_until", "target_at", "alarm_at", "deadline", "by_staff")
        assert [erasure[name] for name in same] == [asked[name] for name in same]
    assert (await run(app, "erasures", "replay", env=environment)).stdout.startswith(
        "1 erasures are in the ledger; 0 of"
    )
    assert [type(one).__name__ for one in await leaving.told()] == ["ErasureRequested"] * 2
    for stage, attempt in ((ERASED, 0), (VERIFIED, 1)):
        await leaving.now()
        await leaving.all_report(stage, attempt)
        await leaving.work()
    assert (await leaving.erasure())["state"] == "completed"


async def test_a_step_that_cannot_be_made_is_made_later(leaving: Leaving, monkeypatch: pytest.MonkeyPatch) -> None:
    await leaving.ask()
    await leaving.a_day_passes()

    async def away(*_: object) -> None:
        raise Transient("object storage is not available (503)")

    with monkeypatch.context() as patched:
        patched.setattr(type(leaving.worker.ledger), "note", away)
        await leaving.work()
    assert (await leaving.erasure())["state"] == "asked"
    assert await leaving.told() == [], "nothing is begun that the ledger does not know"
    listed = (await run(app, "erasures", "list", env=environment_for(leaving.settings))).stdout
    assert "object storage is not available" in listed
    await leaving.now()
    await leaving.work()
    assert len(await leaving.told()) == 1


async def test_what_takes_long_is_told_of_and_a_breach_is_public(
    leaving: Leaving, caplog: pytest.LogCaptureFixture
) -> None:
    await leaving.ask()
    await leaving.a_day_passes()
    await leaving.work()
    assert "1 under way" in words((await leaving.get("/trust", who=None)).text)
    await leaving.shop.rows("UPDATE erasures SET alarm_at = now()")
    for _ in range(2):
        await leaving.work()
    assert [one.getMessage() for one in caplog.records].count("an erasure is not done by the third business day") == 1

    before = words((await leaving.get("/trust", who=None)).text)
    await leaving.shop.rows("UPDATE erasures SET deadline = now() - interval '1 s'")
    after = words((await leaving.get("/trust", who=None)).text)
    breach = "1 request for erasure is not done within seven business days"
    assert (breach in before, breach in after) == (False, True)
    assert "late" in words((await leaving.get()).text)
    for stage, attempt in ((ERASED, 0), (VERIFIED, 1)):
        await leaving.all_report(stage, attempt)
        await leaving.work()
    late = words((await leaving.get("/trust", who=None)).text)
    assert "1 request of the last year was completed too late" in late
    assert "Does not hold" in late
    await leaving.shop.rows(
        "UPDATE erasures SET deadline = now() - interval '367 days', completed_at = now() - interval '366 days'"
    )
    assert "too late" not in words((await leaving.get("/trust", who=None)).text)


async def test_staff_opens_a_request_for_a_mail(leaving: Leaving) -> None:
    token = leaving.shop.outside.push_token(STAFF_AUDIENCE, STAFF)
    environment = environment_for(leaving.settings) | {
        "CALLMINE_STAFF_ACCOUNTS": STAFF,
        "CALLMINE_STAFF_AUDIENCE": STAFF_AUDIENCE,
    }
    asked = ("erasures", "open", MINE, "--ticket", "SUP-412")
    assert "STAFF_IDENTITY_TOKEN is missing" in (await run(app, *asked, env=environment)).stderr
    environment |= {"CALLMINE_STAFF_IDENTITY_TOKEN": token}
    for wrong in (("--received", "2020-01-01T00:00:00Z"), ("--received", "2999-01-01T00:00:00Z"), ("--received", "x")):
        assert (await run(app, *asked, *wrong, env=environment)).exit_code != 0
    assert (
        "no such workspace"
        in (await run(app, "erasures", "open", "org_none", "--ticket", "SUP-1", env=environment)).stderr
    )
    assert (await run(app, "erasures", "open", MINE, "--ticket", "for Anna", env=environment)).exit_code != 0
    opened = await run(app, *asked, env=environment)
    assert opened.exit_code == 0, opened.stderr
    assert (await run(app, *asked, env=environment)).stdout == opened.stdout
    [(who, diff)] = await leaving.audited()
    assert (who, diff["ticket"]) == (STAFF, ("", '"SUP-412"'))
    link = opened.stdout.rsplit("link: ", 1)[1].strip()
    assert (await leaving.get(link, who=None)).status_code == 200
    page = words((await leaving.get()).text)
    assert "by our staff, for a mail" in page
    assert "asked" in (await run(app, "erasures", "show", MINE, env=environment)).stdout
    assert "no certificate" in (await run(app, "erasures", "certificate", MINE, env=environment)).stderr
    # An admin who did not ask for it takes it back.
    assert (await leaving.take_back()).status_code == 303
    assert HARBORLINE.organization_id in (await run(app, "erasures", "list", env=environment)).stdout


def _link(page: str) -> str:
    found = re.search(r'href="[^"]*(/erasures/[^"]+)"', page)
    assert found
    return unescape(found[1])


def _naive(moment: object) -> object:
    return moment.replace(tzinfo=None)  # type: ignore[attr-defined]

"""Taking a report away: asked for, made once, handed out for some minutes to the person who asked."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import jsonschema
import pytest
from unit.analysis.documents import strict
from unit.web.issuer import PARTY

from analysis.domain.export import GOOD_FOR, MOST_ATTEMPTS
from analysis.domain.request import ReportId
from analysis.exporting import __main__ as maker
from analysis.exporting.formats import CONTENT_VERSION, Format
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from contracts import Source
from core.errors import Permanent, Transient
from integration.analysis.site import browser, program, site
from integration.analysis.test_api_manners import Died, dying_at, later
from integration.analysis.world import ACME, RIVAL, World

SCHEMA = json.loads(Path("docs/report.schema.json").read_text())


@pytest.fixture
async def maya(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A member of ACME in her browser."""
    async with browser(site(world), ACME) as client:
        yield client


@pytest.fixture
async def report(world: World) -> str:
    """The id of a report of ACME."""
    run_id = await world.finished_run()
    return str((await world.desk.run(ACME, run_id)).report_id)


async def asked(client: httpx.AsyncClient, report: str, kind: str = "pdf") -> str:
    """Where the browser is led when it asks for a file."""
    answer = await client.post(f"/reports/{report}/exports", data={"format": kind})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def link(world: World, client: httpx.AsyncClient, report: str, kind: str = "pdf") -> str:
    """The link to a file that has been made."""
    page = await asked(client, report, kind)
    await world.print()
    found = re.findall(r'href="(/reports/[^"]+/file[^"]+)"', (await client.get(page)).text)
    return str(found[0]).replace("&amp;", "&")


@pytest.mark.parametrize("kind", list(Format))
async def test_each_format_is_made_and_downloaded(
    world: World, maya: httpx.AsyncClient, report: str, kind: Format
) -> None:
    page = await asked(maya, report, kind)
    waiting = await maya.get(page)
    assert "The file is being made" in waiting.text
    assert 'http-equiv="refresh"' in waiting.text
    assert "<html" not in (await maya.get(page, headers={"hx-request": "true"})).text
    answer = await maya.get(await link(world, maya, report, kind))
    assert answer.status_code == 200
    assert answer.text.startswith(f"{kind} ")
    assert answer.headers["content-type"] == kind.media_type
    name = "findings" if kind == "csv" else "report"
    told = rf'attachment; filename="callmine-{name}-\d{{4}}-\d\d-\d\d-{report[-8:]}\.{kind}"'
    assert re.fullmatch(told, answer.headers["content-disposition"])
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_a_real_report_is_as_the_schema_of_the_json_says(world: World, report: str) -> None:
    found = await world.report(ACME, ReportId(uuid.UUID(report)))
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(found)
    jsonschema.Draft202012Validator(strict(SCHEMA)).validate(found)
    for kind in Format:
        assert maker.made(json.loads(json.dumps(found)), kind, None)


async def test_a_file_that_is_there_is_handed_out_at_once_and_never_made_again(
    world: World, maya: httpx.AsyncClient, report: str
) -> None:
    await link(world, maya, report)
    again = await asked(maya, report)
    assert "/file?" in again
    assert (await maya.get(again)).status_code == 200
    assert world.press.asked == [Format.PDF]
    assert len([name for name in world.objects.content if "/exports/" in name]) == 1


async def test_a_new_version_is_made_beside_the_old_one_and_not_by_a_release_before_it(
    world: World, maya: httpx.AsyncClient, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await link(world, maya, report)
    monkeypatch.setattr("analysis.handlers.exports.CONTENT_VERSION", CONTENT_VERSION + 1)
    page = await asked(maya, report)
    await world.print()
    assert "The file is being made" in (await maya.get(page)).text
    monkeypatch.setattr("analysis.workers.exports.CONTENT_VERSION", CONTENT_VERSION + 1)
    await world.print()
    assert "The file is ready" in (await maya.get(page)).text
    assert (await maya.get(old)).status_code == 200
    assert len([name for name in world.objects.content if "/exports/" in name]) == 2


async def test_each_export_is_audited_with_its_format_and_source(
    world: World, maya: httpx.AsyncClient, report: str
) -> None:
    await asked(maya, report, "docx")
    async with program(site(world), ACME) as client:
        answer = await client.post(f"/api/v1/reports/{report}/exports?format=csv")
    assert answer.status_code == 202, answer.text
    told = await world.sent_of(AdminAction)
    actions = [event.payload for event in told if isinstance(event.payload, AdminAction)]
    assert [action.type for action in actions] == [AdminActionType.ADMIN_ACTION_TYPE_REPORT_EXPORTED] * 2
    assert [(action.target_id, action.diff[0].after) for action in actions] == [(report, '"docx"'), (report, '"csv"')]
    assert [(event.actor.source, event.sequence) for event in told] == [(Source.WEB, 1), (Source.API, 2)]


@pytest.mark.parametrize("route", ["export?format=json", "exports?format=csv"])
async def test_a_request_that_is_repeated_is_one_export(world: World, report: str, route: str) -> None:
    """Also where the process died before the answer was kept; another key is another export, and so is the same one to another format."""
    async with program(site(world), ACME) as client:

        async def sent(key: str) -> httpx.Response:
            return await client.post(f"/api/v1/reports/{report}/{route}", headers={"idempotency-key": key})

        async with dying_at("idempotency.before_keeping"):
            with pytest.raises(Died):
                await sent("one")
        await later(world, "claimed_until", 61)
        first, again = await sent("one"), await sent("one")
        assert (first.status_code, again.headers["idempotency-replayed"]) == (again.status_code, "true")
        assert first.content == again.content
        assert first.headers.get("content-disposition") == again.headers.get("content-disposition")
        assert len(await world.sent_of(AdminAction)) == 1
        await sent("two")
        assert len(await world.sent_of(AdminAction)) == 2


async def test_a_key_is_worth_a_day(world: World, report: str) -> None:
    """An export a day later is one that was not audited yet."""
    async with program(site(world), ACME) as client:
        for _ in range(2):
            await client.post(f"/api/v1/reports/{report}/export", headers={"idempotency-key": "one"})
            await later(world, "created_at", 24 * 3600 + 1)
            await later(world, "created_at", 24 * 3600 + 1, "report_exports")
    assert len(await world.sent_of(AdminAction)) == 2


async def test_the_api_tells_where_the_file_is(world: World, report: str) -> None:
    async with program(site(world), ACME) as client:
        answer = await client.post(f"/api/v1/reports/{report}/exports?format=csv")
        assert (answer.json()["state"], answer.json()["file"]) == ("making", None)
        await world.print()
        told = (await client.get(answer.headers["location"])).json()
        assert (told["state"], told["format"], told["number"]) == ("ready", "csv", 1)
        file = await client.get(told["file"])
        assert (file.status_code, len(file.content)) == (200, told["size_bytes"])
        listed = (await client.get(f"/api/v1/reports/{report}/exports")).json()["exports"]
        assert listed == [told]


@pytest.mark.parametrize("kind", ["", "xml", "PDF", "pdf,csv", "../pdf"])
async def test_an_unknown_format_is_refused_and_nothing_is_noted(world: World, report: str, kind: str) -> None:
    async with program(site(world), ACME) as client:
        answer = await client.post(f"/api/v1/reports/{report}/exports", params={"format": kind})
    assert (answer.status_code, answer.json()["detail"]) == (400, "reports are exported as pdf, docx, json, csv")
    assert await world.rows("SELECT 1 FROM report_exports UNION ALL SELECT 1 FROM export_files") == []
    assert await world.sent_of(AdminAction) == []


async def test_a_link_is_good_for_its_person_workspace_and_minutes(
    world: World, maya: httpx.AsyncClient, report: str
) -> None:
    address = await link(world, maya, report)
    app = site(world)
    async with browser(app, RIVAL) as stranger, browser(app, ACME, person="user_ben1") as colleague:
        for other in (stranger, colleague):
            assert (await other.get(address)).status_code == 404
            assert (await other.get(address.split("/file")[0])).status_code == 404
    altered = [
        address.replace("signature=", "signature=0"),
        re.sub(r"ends=(\d+)", lambda found: f"ends={int(found.group(1)) + 600}", address),
        address.replace("/exports/1/", "/exports/2/"),
        address.split("?")[0],
        f"{address.split('?')[0]}?ends=%C3%A9&signature=%C3%A9",
    ]
    for each in altered:
        assert (await maya.get(each)).status_code == 404, each
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PARTY) as nobody:
        assert (await nobody.get(address, headers={"accept": "application/json"})).status_code == 401
    assert (await maya.get(address)).status_code == 200
    await passed(world, GOOD_FOR - timedelta(minutes=1))
    again = re.findall(r'href="(/reports/[^"]+/file[^"]+)"', (await maya.get(address.split("/file")[0])).text)
    assert (await maya.get(again[0].replace("&amp;", "&"))).status_code == 200
    await passed(world, timedelta(minutes=1))
    assert "The link has ended" in (await maya.get(address.split("/file")[0])).text
    # What the link itself says of its end is not altered by that: it is the export that is over.
    assert (await maya.get(address)).status_code == 404


async def passed(world: World, time: timedelta) -> None:
    """Let the time pass for all exports."""
    seconds = f"interval '{time.total_seconds()} seconds'"
    await world.owner(
        f"UPDATE report_exports SET created_at = created_at - {seconds}",
        f"UPDATE export_files SET done_at = done_at - {seconds}, asked_at = asked_at - {seconds}",
    )


async def test_a_report_beyond_the_window_is_neither_exported_nor_handed_out(
    world: World, maya: httpx.AsyncClient, report: str
) -> None:
    address = await link(world, maya, report)
    await asked(maya, report, "docx")
    await world.owner(
        "UPDATE reports SET created_at = created_at - interval '31 days'",
        "UPDATE export_files SET report_created_at = report_created_at - interval '31 days'",
    )
    assert (await maya.get(address)).status_code == 404
    assert (await maya.get(address.split("/file")[0])).status_code == 404
    refused = await maya.post(f"/reports/{report}/exports", data={"format": "csv"})
    assert refused.status_code == 404
    async with program(site(world), ACME) as client:
        assert (await client.get(f"/api/v1/reports/{report}/exports")).status_code == 404
        assert (await client.get(f"/api/v1/reports/{report}/exports/1")).status_code == 404
    # What waits to be made is not made, either.
    await world.print()
    assert world.press.asked == [Format.PDF]
    assert len(await world.sent_of(AdminAction)) == 2
    await world.owner(
        "UPDATE reports SET created_at = created_at + interval '31 days'",
        "UPDATE export_files SET report_created_at = report_created_at + interval '31 days'",
    )
    assert (await maya.get(address)).status_code == 200


async def test_a_file_is_hidden_by_its_row_policy_alone(world: World, maya: httpx.AsyncClient, report: str) -> None:
    address = await link(world, maya, report)
    await world.owner("UPDATE export_files SET report_created_at = report_created_at - interval '31 days'")
    assert (await maya.get(address)).status_code == 404


async def test_what_cannot_be_made_says_so_and_can_be_tried_again(
    world: World, maya: httpx.AsyncClient, report: str
) -> None:
    world.press.error = Permanent("the report could not be laid out")
    page = await asked(maya, report)
    await world.print()
    assert "could not be made" in (await maya.get(page)).text
    world.press.error = None
    await asked(maya, report)
    await world.print()
    assert "The file is ready" in (await maya.get(page)).text


async def test_a_press_that_fails_for_a_time_is_tried_again_but_not_for_ever(
    world: World, maya: httpx.AsyncClient, report: str
) -> None:
    world.press.error = Transient("the file's maker was stopped")
    page = await asked(maya, report)
    for _ in range(MOST_ATTEMPTS - 1):
        await world.print()
        assert "The file is being made" in (await maya.get(page)).text
    for _ in range(3):
        await world.print()
        assert "could not be made" in (await maya.get(page)).text
    assert len(world.press.asked) == MOST_ATTEMPTS
    world.press.error = None
    await asked(maya, report)
    await world.print()
    assert "The file is ready" in (await maya.get(page)).text


@pytest.mark.parametrize("number", ["0", "00", "1.0", "-1", "x", "4294967296", "99", "٣"])
async def test_no_other_number_names_an_export(world: World, maya: httpx.AsyncClient, report: str, number: str) -> None:
    await asked(maya, report)
    assert (await maya.get(f"/reports/{report}/exports/{number}")).status_code == 404
    assert (await maya.get(f"/reports/{report}/exports/{number}/file")).status_code == 404


async def test_a_report_of_another_workspace_is_not_there(world: World, report: str) -> None:
    async with browser(site(world), RIVAL) as stranger:
        mine = await stranger.post(f"/reports/{report}/exports", data={"format": "pdf"})
        none = await stranger.post(f"/reports/{uuid.uuid4()}/exports", data={"format": "pdf"})
    assert (mine.status_code, none.status_code) == (404, 404)
    assert await world.rows("SELECT 1 FROM report_exports UNION ALL SELECT 1 FROM export_files") == []

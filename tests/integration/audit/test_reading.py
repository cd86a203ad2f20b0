"""The page `/audit` and the API: who may read, paging that neither skips nor repeats, hostile texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from callmine.audit.v1.audit_pb2 import AdminActionType
from integration.audit.actions import MINE, THEIRS, action
from local.sandbox.clerk.people import QUILLSTONE
from local.sandbox.clerk.tokens import TokenOptions
from testkit.messages import deliver
from testkit.outside import MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service

API = "/api/v1/audit"


async def page(client: httpx.AsyncClient, **params: str | int) -> tuple[list[dict[str, object]], str | None]:
    answer = await client.get(API, params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["entries"], body["next_cursor"]


async def test_pages_neither_skip_nor_repeat_while_entries_arrive(audit: Service, outside: Outside) -> None:
    """Entries with the same time, new ones on top, late ones below: what was there at the start is read once, in order."""
    await deliver(audit.consumer("audit"), *(action(number) for number in range(40)))
    seen: list[object] = []
    async with audit.program(outside.token()) as client:
        first, _ = await page(client, size=200)
        cursor: str | None = ""
        arrived = 1000
        while cursor is not None:
            entries, cursor = await page(client, size=7, cursor=cursor)
            assert cursor is None or len(entries) == 7
            seen += [entry["id"] for entry in entries]
            await deliver(audit.consumer("audit"), action(arrived), action(arrived + 1))
            arrived += 2
        total, _ = await page(client, size=200)
    assert seen == [entry["id"] for entry in first]
    assert len(seen) == len(set(seen)) == 40
    assert len(total) == 40 + arrived - 1000


async def test_entries_are_told_as_they_were_made(audit: Service, outside: Outside) -> None:
    event = action(3, diff={"name": ("Old", "New"), "logo": (None, "x"), "motto": ("y", None)})
    await deliver(audit.consumer("audit"), event)
    async with audit.program(outside.token()) as client:
        [entry], cursor = await page(client)
    assert cursor is None
    recorded_at = datetime.fromisoformat(str(entry.pop("recorded_at")))
    assert abs(datetime.now(UTC) - recorded_at) < timedelta(hours=1)
    assert entry == {
        "id": str(event.event_id),
        "type": "workspace.updated",
        "occurred_at": "2026-03-01T09:00:00+00:00",
        "actor": {"kind": "user", "id": "user_harborline01", "email": "helen.achebe@harborline.example"},
        "source": "web",
        "target": {"kind": "workspace", "id": "target-3", "name": "New"},
        "diff": {
            "name": {"before": "Old", "after": "New"},
            "logo": {"before": None, "after": "x"},
            "motto": {"before": "y", "after": None},
        },
    }


async def test_the_type_filter_holds_over_all_pages(audit: Service, outside: Outside) -> None:
    kinds = [AdminActionType.ADMIN_ACTION_TYPE_REPORT_EXPORTED, AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ADDED]
    await deliver(audit.consumer("audit"), *(action(number, kinds[number % 2]) for number in range(20)))
    seen: list[dict[str, object]] = []
    async with audit.program(outside.token()) as client:
        cursor: str | None = ""
        while cursor is not None:
            entries, cursor = await page(client, size=3, cursor=cursor, type="report.exported")
            seen += entries
        nothing, _ = await page(client, type="schedule.created")
    assert len({str(entry["id"]) for entry in seen}) == len(seen) == 10
    assert {entry["type"] for entry in seen} == {"report.exported"}
    assert nothing == []


async def test_a_bad_cursor_type_or_size_is_400(audit: Service, outside: Outside) -> None:
    bad = [
        {"cursor": "not-ours"},
        {"cursor": "x" * 201},
        {"cursor": "é\u0000"},
        {"type": "report.deleted"},
        {"type": "<script>"},
        {"type": "x" * 41},
        {"size": "0"},
        {"size": "201"},
        {"size": "many"},
        {"source": "telepathy"},
        {"actor": "x" * 201},
        {"text": "..."},
        {"text": "a b c d e f g h i"},
        {"from": "1 March"},
        {"from": "2026-02-30"},
        {"to": "20260301"},
        {"from": "2026-03-02", "to": "2026-03-01"},
    ]
    async with audit.program(outside.token()) as client, audit.browser(outside.token()) as browser:
        for params in bad:
            told = await client.get(API, params=params)
            assert (told.status_code, params) == (400, params)
            assert told.headers["content-type"] == "application/problem+json"
            if "size" not in params:
                shown = await browser.get("/audit", params=params)
                assert (shown.status_code, params) == (400, params)
                assert "<script>" not in shown.text.split("<main", 1)[1]


async def test_a_member_is_403_and_a_stranger_401(audit: Service, outside: Outside) -> None:
    expired = outside.token(options=TokenOptions(lifetime=-60))
    for token, status in ((None, 401), (expired, 401), ("garbage", 401), (outside.token(MEMBER), 403)):
        async with audit.program(token) as client, audit.browser(token) as browser:
            assert (await client.get(API)).status_code == status
            assert (await browser.get("/audit")).status_code == status


async def test_another_workspace_sees_nothing_and_its_cursor_opens_nothing(audit: Service, outside: Outside) -> None:
    await deliver(audit.consumer("audit"), *(action(number) for number in range(5)))
    async with audit.program(outside.token()) as mine, audit.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as theirs:
        _, cursor = await page(mine, size=2)
        assert cursor is not None
        assert await page(theirs) == ([], None)
        assert await page(theirs, cursor=cursor) == ([], None)
        await deliver(audit.consumer("audit"), action(9, workspace_id=THEIRS))
        assert len((await page(theirs))[0]) == 1
        assert len((await page(mine))[0]) == 5
    assert MINE != THEIRS

"""The page `/audit`: what a person sees and can follow, with and without scripts; hostile texts."""

from __future__ import annotations

import re
from html import unescape

from callmine.audit.v1.audit_pb2 import AdminActionType
from integration.audit.actions import action, zoned
from testkit.messages import deliver
from testkit.outside import Outside
from testkit.services import Service

EVIL = "<img src=x onerror=alert(1)>\"'&lt;{{7*7}}</td><script>alert(2)</script>"
EDITED = AdminActionType.ADMIN_ACTION_TYPE_SCHEDULE_EDITED


def links(html: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'href="(/audit[^"]*)"', html)]


async def test_hostile_texts_are_shown_as_text(audit: Service, outside: Outside) -> None:
    await deliver(audit.consumer("audit"), action(diff={EVIL: (EVIL, EVIL)}, target_id=EVIL, target_kind=EVIL))
    async with audit.browser(outside.token()) as browser:
        for params in ({}, {"actor": EVIL}, {"target": EVIL}, {"text": EVIL[:28]}):
            shown = await browser.get("/audit", params=params)
            assert shown.status_code == 200
            main = shown.text.split("<main", 1)[1]
            assert "<img" not in main
            assert "<script" not in main
            assert 'onerror=alert(1)>"' not in main
            assert params or "{{7*7}}" in main


async def test_an_entry_is_a_line_that_opens_to_its_diff(audit: Service, outside: Outside) -> None:
    created = action(1, EDITED, diff={"name": (None, '"Weekly win/loss"')}, target_id="s1", target_kind="schedule")
    paused = action(5, EDITED, diff={"status": ('"active"', '"paused"')}, target_id="s1", target_kind="schedule")
    await deliver(audit.consumer("audit"), created, paused)
    async with audit.browser(outside.token()) as browser:
        text = (await browser.get("/audit")).text
    assert "<summary>Weekly win/loss: active → paused</summary>" in text
    assert "<del>active</del>" in text
    assert "<ins>paused</ins>" in text
    assert "schedule.edited" in text


async def test_times_are_the_workspaces_with_utc_on_hover(audit: Service, outside: Outside) -> None:
    await deliver(audit.consumer("workspaces"), zoned("Asia/Tokyo", 3))
    await deliver(audit.consumer("audit"), action(0))
    async with audit.browser(outside.token()) as browser:
        text = (await browser.get("/audit")).text
    time = '<time datetime="2026-03-01T09:00:00Z" title="1 Mar 2026, 09:00 UTC">1 Mar 2026, 18:00 JST</time>'
    assert time in text


async def test_filters_stay_in_every_address_and_can_be_taken_away_one_by_one(audit: Service, outside: Outside) -> None:
    await deliver(audit.consumer("audit"), *(action(number) for number in range(60)))
    asked = {"type": "workspace.updated", "text": "before name", "actor": "user_harborline01", "from": "2026-03-01"}
    async with audit.browser(outside.token()) as browser:
        newest = await browser.get("/audit", params={**asked, "source": "", "target": "", "to": ""})
        assert newest.text.count("<details>") == 50
        found = links(newest.text)
        kept = "type=workspace.updated&actor=user_harborline01&text=before%20name&from=2026-03-01"
        older = next(one for one in found if "cursor=" in one)
        assert older.startswith(f"/audit?{kept}&cursor=")
        assert f"/audit/export?{kept}&format=csv" in found
        assert f"/audit?{kept.replace('type=workspace.updated&', '')}" in found
        assert f"/audit?{kept.replace('&text=before%20name', '')}" in found
        assert f'hx-get="/audit/new?{kept}&mark='.replace("&", "&amp;") in newest.text
        last = await browser.get(older)
        assert last.text.count("<details>") == 10
        assert f"/audit?{kept}" in links(last.text)
        assert "hx-get" not in last.text
        assert not [one for one in links(last.text) if "cursor=" in one]


async def test_what_is_new_is_said_with_the_way_to_it(audit: Service, outside: Outside) -> None:
    await deliver(audit.consumer("audit"), action(0))
    async with audit.browser(outside.token()) as browser:
        first = await browser.get("/audit", params={"type": "workspace.updated"})
        [address] = re.findall(r'hx-get="([^"]+)"', first.text)
        quiet = await browser.get(unescape(address))
        assert "<a" not in quiet.text
        await deliver(audit.consumer("audit"), action(1), action(2), action(3, EDITED))
        told = await browser.get(unescape(address))
    assert "2 new entries" in told.text
    assert links(told.text) == ["/audit?type=workspace.updated"]
    assert re.findall(r'hx-get="([^"]+)"', told.text) == [address]


async def test_nothing_to_show_says_why(audit: Service, outside: Outside) -> None:
    async with audit.browser(outside.token()) as browser:
        assert "Nothing here yet" in (await browser.get("/audit")).text
        await deliver(audit.consumer("audit"), action(0))
        assert "Nothing matches" in (await browser.get("/audit", params={"text": "zebra"})).text

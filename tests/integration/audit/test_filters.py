"""What the filters find: each alone and all together, by every way in which the log is read, against the plainest definition of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from audit import handlers
from audit.domain.reading import Filters, Position
from audit.domain.words import words_of
from audit.events import _entry
from audit.log.keys import Salts
from audit.store import reading
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from contracts import Actor, ActorKind, Event, Source
from integration.audit.actions import BEGAN, HELEN, MINE, THEIRS, action, zoned
from testkit.messages import deliver
from testkit.outside import Outside
from testkit.services import Service

API = "/api/v1/audit"
OMAR = Actor(ActorKind.USER, "user_harborline02", "omar.reyes@harborline.example", Source.API)
CLOCK = Actor(ActorKind.SYSTEM, "analysis", "", Source.SCHEDULE)
KINDS = {
    "schedule.edited": AdminActionType.ADMIN_ACTION_TYPE_SCHEDULE_EDITED,
    "report.exported": AdminActionType.ADMIN_ACTION_TYPE_REPORT_EXPORTED,
    "member.added": AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ADDED,
}
DIFFS: tuple[dict[str, tuple[str | None, str | None]], ...] = (
    {"status": ('"paused"', '"active"')},
    {"name": ('"Weekly win/loss"', '"Weekly"'), "status": ('"draft"', '"active"')},
    {"format": (None, '"pdf"')},
)


def drawn(count: int, seed: int) -> list[Event[AdminAction]]:
    """Entries of all kinds; several share a second, and days lie apart."""
    rng = random.Random(seed)
    return [
        action(
            number,
            KINDS[rng.choice(list(KINDS))],
            diff=rng.choice(DIFFS),
            target_id=f"thing-{rng.randrange(4)}",
            target_kind="report",
            actor=rng.choice((HELEN, HELEN, OMAR, CLOCK)),
            at=BEGAN + timedelta(hours=rng.randrange(96), seconds=rng.randrange(3)),
        )
        for number in range(count)
    ]


def matching(events: list[Event[AdminAction]], params: dict[str, str]) -> list[str]:
    """What the filters mean, said in the plainest way; days in UTC."""

    def fits(event: Event[AdminAction]) -> bool:
        payload, actor, day = event.payload, event.actor, event.occurred_at.date().isoformat()
        said = " ".join(f"{one.field} {one.before} {one.after}" for one in payload.diff if one.field)
        texts = {word for one in payload.diff for side in (one.field, one.before, one.after) for word in words_of(side)}
        return (
            params.get("type", "") in ("", next(name for name, kind in KINDS.items() if kind == payload.type))
            and params.get("source", "") in ("", actor.source.value)
            and params.get("actor", "") in ("", actor.id, actor.email)
            and params.get("target", "") in ("", payload.target_id)
            and set(params.get("text", "").lower().split()) <= texts
            and bool(said)
            and params.get("from", "") <= day <= params.get("to", "9999")
        )

    found = [event for event in events if fits(event)]
    return [
        str(event.event_id)
        for event in sorted(found, key=lambda one: (one.occurred_at, one.event_id.int), reverse=True)
    ]


def combinations() -> Iterator[dict[str, str]]:
    """Every combination of the filters, each there or not."""
    values = {
        "type": "schedule.edited",
        "source": "web",
        "actor": "helen.achebe@harborline.example",
        "target": "thing-1",
        "text": "Active status",
        "from": "2026-03-02",
        "to": "2026-03-03",
    }
    for size in range(len(values) + 1):
        for names in itertools.combinations(values, size):
            yield {name: values[name] for name in names}


async def walked(client: httpx.AsyncClient, size: int, **params: str) -> list[str]:
    """Ids of all entries, page by page."""
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.get(API, params={**params, "size": size, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        seen += [entry["id"] for entry in body["entries"]]
        cursor = body["next_cursor"]
    return seen


async def test_every_combination_finds_exactly_what_it_says_on_pages_of_any_size(
    audit: Service, outside: Outside
) -> None:
    events = drawn(200, seed=4)
    await deliver(audit.consumer("audit"), *events, *(action(n, workspace_id=THEIRS) for n in range(20)))
    found = 0
    async with audit.program(outside.token()) as client:
        for params in combinations():
            expected = matching(events, params)
            assert await walked(client, 3 if len(expected) < 40 else 23, **params) == expected, params
            found += len(expected)
    assert found > 1000


async def test_an_export_is_the_same_view(audit: Service, outside: Outside) -> None:
    events = drawn(120, seed=9)
    await deliver(audit.consumer("audit"), *events)
    async with audit.program(outside.token()) as client:
        for params in ({}, {"type": "schedule.edited", "text": "paused"}, {"actor": "nobody"}):
            answer = await client.get(f"{API}/export", params={**params, "format": "jsonl"})
            lines = answer.text.splitlines()
            assert [httpx.Response(200, text=line).json()["id"] for line in lines] == matching(events, params)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("ACTIVE", True, id="case"),
        pytest.param("win/loss", True, id="several-words"),
        pytest.param("loss weekly", True, id="any-order"),
        pytest.param("weekly monthly", False, id="one-is-not-there"),
        pytest.param("activ", False, id="part-of-a-word"),
        pytest.param("100% _ active", False, id="no-pattern"),
        pytest.param("stra\u00dfe", True, id="folded"),
        pytest.param("STRASSE", True, id="folded-otherwise"),
        pytest.param("\u6771\u4eac", True, id="other-scripts"),
    ],
)
async def test_words_are_found_whole_without_case_and_in_any_order(
    audit: Service, outside: Outside, text: str, found: bool
) -> None:
    diff = {"name": ('"Weekly win/loss"', '"Stra\u00dfe, \u6771\u4eac"'), "status": (None, '"active"')}
    await deliver(audit.consumer("audit"), action(diff=diff))
    async with audit.program(outside.token()) as client:
        assert bool(await walked(client, 5, text=text)) is found


async def test_days_are_those_of_the_workspaces_zone(audit: Service, outside: Outside) -> None:
    late = action(1, at=datetime(2026, 3, 1, 20, tzinfo=UTC))
    await deliver(audit.consumer("audit"), late)
    async with audit.program(outside.token()) as client:
        assert await walked(client, 5, **{"from": "2026-03-02"}) == []
        await deliver(audit.consumer("workspaces"), zoned("Asia/Tokyo", 5), zoned("America/New_York", 4))
        assert await walked(client, 5, **{"from": "2026-03-02"}) == [str(late.event_id)]
        assert await walked(client, 5, to="2026-03-01") == []
        await deliver(audit.consumer("workspaces"), zoned("Mars/Olympus", 6))
        assert await walked(client, 5, to="2026-03-01") == [str(late.event_id)]
        assert (await client.get(API, params={"from": "0001-01-01", "to": "9999-12-31"})).status_code == 200


async def test_a_person_with_two_ids_is_found_by_the_address(audit: Service, outside: Outside) -> None:
    again = Actor(ActorKind.USER, "user_harborline77", HELEN.email, Source.WEB)
    events = [action(number, actor=(HELEN, again, OMAR)[number % 3]) for number in range(30)]
    await deliver(audit.consumer("audit"), *events)
    async with audit.program(outside.token()) as client:
        by_address = await walked(client, 4, actor=HELEN.email)
        assert by_address == [str(event.event_id) for event in reversed(events) if event.actor.email == HELEN.email]
        assert len(await walked(client, 4, actor=HELEN.id)) == 10


async def test_a_thing_is_found_by_the_name_it_was_given_last(audit: Service, outside: Outside) -> None:
    def schedule(number: int, diff: dict[str, tuple[str | None, str | None]]) -> Event[AdminAction]:
        return action(number, KINDS["schedule.edited"], diff=diff, target_id="s-1", target_kind="schedule")

    events = [
        schedule(0, {"name": (None, '"Weekly"')}),
        schedule(4, {"status": ('"active"', '"paused"')}),
        schedule(8, {"name": ('"Weekly"', '"Monday win/loss"')}),
    ]
    await deliver(audit.consumer("audit"), *reversed(events))
    async with audit.program(outside.token()) as client:
        assert len(await walked(client, 4, target="Monday win/loss")) == 3
        assert await walked(client, 4, target="Weekly") == []
        listed = (await client.get(API)).json()["entries"]
        assert {entry["target"]["name"] for entry in listed} == {"Monday win/loss"}


async def test_another_workspaces_words_and_names_find_nothing_here(audit: Service, outside: Outside) -> None:
    secret = {"name": (None, '"Projekt Falke"')}
    theirs = action(diff=secret, workspace_id=THEIRS, target_id="theirs-1", actor=OMAR)
    await deliver(audit.consumer("audit"), theirs, action(1))
    async with audit.program(outside.token()) as client:
        for params in ({"text": "falke"}, {"target": "Projekt Falke"}, {"actor": OMAR.email}, {"target": "theirs-1"}):
            assert await walked(client, 5, **params) == []
    async with audit.browser(outside.token()) as browser:
        assert OMAR.email not in (await browser.get("/audit")).text


async def test_late_entries_are_counted_as_new_wherever_their_place_is(audit: Service, outside: Outside) -> None:
    """Somebody has read past their place: paging does not come back to it, the count does."""
    await deliver(audit.consumer("audit"), *(action(number) for number in range(100, 120)))
    async with audit.program(outside.token()) as client:
        first = (await client.get(API, params={"size": 5})).json()

        async def new(**params: str) -> dict[str, object]:
            answer = await client.get(f"{API}/new", params={"mark": first["mark"], **params})
            assert answer.status_code == 200, answer.text
            body: dict[str, object] = answer.json()
            return body

        assert await new() == {"entries": 0, "more": False}
        await deliver(audit.consumer("audit"), action(1), action(200), action(201, KINDS["member.added"]))
        assert await new() == {"entries": 3, "more": False}
        second = (await client.get(API, params={"size": 200, "cursor": first["next_cursor"]})).json()
        assert second["mark"] is None
        assert len(second["entries"]) == 16
        await deliver(audit.consumer("audit"), *(action(number) for number in range(300, 420)))
        assert await new() == {"entries": 99, "more": True}


async def test_new_entries_are_counted_by_the_same_filters(audit: Service, outside: Outside) -> None:
    events = drawn(60, seed=12)
    async with audit.program(outside.token()) as client:
        for params in itertools.islice(combinations(), 0, None, 7):
            mark = (await client.get(API, params=params)).json()["mark"]
            early = (await client.get(f"{API}/new", params={**params, "mark": mark})).json()["entries"]
            assert early == 0, params
        zero = "2026-01-01T00:00:00Z~0"
        await deliver(audit.consumer("audit"), *events)
        for params in combinations():
            told = (await client.get(f"{API}/new", params={**params, "mark": zero})).json()["entries"]
            assert told == len(matching(events, params)), params


@pytest.mark.parametrize(
    "mark", ["", "now", "2026-01-01T00:00:00+00:00~1", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z~-1", "Z~1"]
)
async def test_a_mark_that_is_not_ours_is_400(audit: Service, outside: Outside, mark: str) -> None:
    async with audit.program(outside.token()) as client:
        assert (await client.get(f"{API}/new", params={"mark": mark})).status_code == 400


async def test_an_entry_under_way_at_the_first_page_is_new_once_it_is_there(audit: Service) -> None:
    """Its time of recording is before the page's, and it was not on it."""
    db = audit.parts.db
    async with db.workspace(MINE) as slow:
        await slow.fetch("entries_read_at")
        async with db.workspace(MINE) as tx:
            wanted = await reading.asked(tx, Filters(), UTC)
            mark = await reading.mark(tx, wanted)
        await handlers.record(slow, [_entry(action(1))], Salts())
    async with db.workspace(MINE) as tx:
        assert await reading.new_since(tx, mark, wanted) == 1
        assert len((await reading.page(tx, Position(), 5)).entries) == 1


def test_the_last_day_is_a_day_too() -> None:
    filters = Filters(last_day=date.max, first_day=date.min)
    assert filters.top(UTC) == Position()

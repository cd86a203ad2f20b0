"""What is asked of which calls: the filters of the form and of the API, and where they are told again."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from analysis.domain.request import RunId
from callmine.fetches.v1.fetches_pb2 import PreviewRequested
from integration.analysis.site import browser, site
from integration.analysis.world import ACME, World

BRIEF = {"brief": "What do buyers say about price?", "max_calls": "50"}
FILTERS: dict[str, str | list[str]] = {
    "directions": ["inbound", "unknown"],
    "minutes_min": "5",
    "minutes_max": "",
    "title_words": "Renewal,  pricing",
    "participants": "Ana Bo, @acme.com",
}


@pytest.fixture
async def maya(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A member of ACME in her browser."""
    async with browser(site(world), ACME) as client:
        yield client


async def test_what_the_form_says_of_calls_is_asked_for_and_shown_again(world: World, maya: httpx.AsyncClient) -> None:
    assert '<details class="more">' in (await maya.get("/new")).text
    path = (await maya.post("/previews", data={**BRIEF, **FILTERS})).headers["location"]
    (event,) = await world.sent_of(PreviewRequested)
    assert isinstance(event.payload, PreviewRequested)
    wanted = event.payload.filter
    assert list(wanted.directions) == ["inbound", "unknown"]
    assert (wanted.seconds_min, wanted.HasField("seconds_max")) == (300, False)
    assert list(wanted.title_words) == ["Renewal", "pricing"]
    assert list(wanted.participants) == ["Ana Bo", "@acme.com"]
    page = (await maya.get(path)).text
    assert '<details class="more" open>' in page
    assert re.findall(r'name="directions" value="(\w+)" checked', page) == ["inbound", "unknown"]
    assert re.search(r'name="minutes_min" type="number" value="5"', page)
    assert 'value="Renewal pricing"' in page
    assert 'value="Ana Bo, @acme.com"' in page


async def test_a_run_and_its_report_say_what_they_were_asked_of(world: World, maya: httpx.AsyncClient) -> None:
    amounts = {"amount_min": "1000", "amount_max": "25000", "employees_max": "300", "stages": "Proposal, Won"}
    path = (await maya.post("/runs", data={**BRIEF, **FILTERS, **amounts})).headers["location"]
    run_id = RunId(uuid.UUID(path.rsplit("/", 1)[-1]))
    await world.deliver(await world.fetched(run_id, "c1"), world.completed(run_id, 1))
    await world.work()
    run = (await maya.get(path)).text
    (report_path,) = set(re.findall(r'href="(/reports/[0-9a-f-]+)"', run))
    for page in (run, (await maya.get(report_path)).text):
        facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", page))
        wanted = {"Deal stages": "Proposal, Won", "Title words": "Renewal, pricing", "On the call": "Ana Bo, @acme.com"}
        wanted |= {"Direction": "inbound, unknown", "Minutes": "at least 5"}
        wanted |= {"Amount": "1,000 to 25,000", "Company size": "at most 300"}
        assert wanted.items() <= facts.items()
        assert "Deal owners" not in facts


async def test_the_api_takes_the_same_filters_as_lists(world: World, maya: httpx.AsyncClient) -> None:
    given = {"directions": ["conference"], "minutes_max": 30, "title_words": ["Q3"], "participants": ["acme.com"]}
    answer = await maya.post("/api/v1/previews", json={"brief": BRIEF["brief"], **given})
    assert answer.status_code == 202
    assert {name: answer.json()["question"][name] for name in given} == given
    sideways = {"brief": BRIEF["brief"], "directions": ["sideways"]}
    bad = await maya.post("/api/v1/runs", json=sideways, headers={"accept": "application/json"})
    assert bad.status_code == 400
    assert bad.json()["detail"] == "a direction is one of inbound, outbound, conference, unknown"

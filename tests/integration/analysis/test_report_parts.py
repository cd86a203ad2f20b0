"""A part of a report, as PostgreSQL takes it out of the document, is what one would take out of the whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx
import pytest
from unit.analysis.documents import document
from unit.analysis.wanted import part

from analysis.domain.document import Wanted, in_todays_shape
from analysis.domain.request import ReportId
from analysis.http import reading
from core.errors import NotFound
from integration.analysis.site import browser, site
from integration.analysis.world import ACME, RIVAL, World


@pytest.fixture
async def maya(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A member of ACME in her browser."""
    async with browser(site(world), ACME) as client:
        yield client


async def _stored(world: World, made: dict[str, Any]) -> ReportId:
    """A report with this document."""
    run = await world.desk.run(ACME, await world.finished_run(2))
    assert run.report_id
    text = json.dumps(made).replace("'", "''")
    await world.owner(f"UPDATE reports SET document = '{text}'::jsonb WHERE id = '{run.report_id}'")
    return run.report_id


def _drawn(rng: Random) -> dict[str, Any]:
    """A document with themes of any size, some without findings, some cited."""
    made: dict[str, Any] = document(rng.choice([1, 7, 40]), rng.randrange(10_000))
    themes = [*made["themes"], {**made["themes"][0], "label": "nothing", "findings": []}]
    rng.shuffle(themes)
    ids = [item["id"] for theme in themes for item in theme["findings"]]
    cited = [{"sentence": "So.", "finding_ids": rng.sample(ids, rng.randrange(len(ids) + 1))} for _ in range(2)]
    return {**made, "themes": themes, "summary": rng.choice([cited, []]), "calls": rng.choice([made["calls"], []])}


def _wanted(rng: Random, themes: int) -> Wanted:
    return Wanted(
        first_themes=rng.choice([0, 1, 3, 30]),
        first_findings=rng.choice([0, 1, 5, 25]),
        theme=rng.choice([0, 1, themes, themes + 1]),
        theme_page=rng.choice([1, 2, 3, 1_000_000]),
        theme_size=rng.choice([1, 3, 50]),
        calls_page=rng.choice([1, 2, 5, 1_000_000]),
        calls_size=rng.choice([0, 1, 3, 10, 100]),
    )


@pytest.mark.parametrize("seed", range(6))
async def test_a_part_is_what_one_would_take_out_of_the_whole(world: World, seed: int) -> None:
    rng = Random(seed)
    whole = _drawn(rng)
    report_id = await _stored(world, whole)
    themes = whole["themes"]
    for wanted in [reading.OPENED, *(_wanted(rng, len(themes)) for _ in range(40))]:
        found = await world.desk.report_in_part(ACME, report_id, wanted)
        assert found.document == part(whole, wanted), wanted
        assert list(found.findings) == [len(theme["findings"]) for theme in themes]
        assert found.calls == len(whole["calls"])


@pytest.mark.parametrize("version", [1, 2])
async def test_what_is_handed_on_as_text_is_the_published_document(world: World, version: int) -> None:
    made = {**document(3), "version": version, "run_id": "another", "created_at": "never"}
    report_id = await _stored(world, made)
    text = (await world.desk.published(ACME, report_id)).text
    ids = {name: json.loads(text)[name] for name in ("report_id", "run_id", "created_at")}
    assert ids["report_id"] == str(report_id)
    assert "another" not in ids.values()
    assert json.loads(text) == {**in_todays_shape(made), **ids}
    assert [text.count(f'"{name}"') for name in ("report_id", "run_id", "created_at")] == [1, 1, 1]


async def test_nobody_elses_report_is_taken_apart(world: World) -> None:
    report_id = await _stored(world, document(3))
    for asked in (
        world.desk.report_in_part(RIVAL, report_id, reading.OPENED),
        world.desk.published(RIVAL, report_id),
    ):
        with pytest.raises(NotFound):
            await asked


async def test_a_report_on_thousands_of_calls_opens_with_some_of_them(world: World, maya: httpx.AsyncClient) -> None:
    made: Any = document(400)
    report_id = await _stored(world, made)
    page = await maya.get(f"/reports/{report_id}")
    assert page.status_code == 200
    assert "All 400 calls" in page.text
    assert f"All {len(made['themes'][0]['findings'])} findings" in page.text
    theme = await maya.get(f"/reports/{report_id}?theme=1&page=2")
    assert f">{made['themes'][0]['findings'][reading.FINDINGS_A_PAGE]['id']}<" in theme.text
    assert "page 2 of" in theme.text
    calls = await maya.get(f"/reports/{report_id}?calls=99999999999999999999")
    assert "page 4 of 4" in calls.text
    beyond = await maya.get(f"/reports/{report_id}?theme=99999999999999999999&page=99999999999999999999")
    assert "All 400 calls" in beyond.text
    assert (await maya.get(f"/api/v1/reports/{report_id}")).json()["calls"] == made["calls"]

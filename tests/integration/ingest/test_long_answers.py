"""Transcripts that are longer than egress lets in: asked for in halves, and one that is too long even alone is told of in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.sandbox.stage import HARBORLINE, Stage
from egress import Destination, Egress
from ingest.domain.jobs import too_long_call_words
from ingest.workers import FetchTerms
from integration.ingest.harness import Gong, Ingest
from integration.ingest.test_troubles import conversation
from integration.ingest.workshop import Workshop
from local.sandbox.corpus.identifiers import numeric_id
from local.sandbox.server import RunningSandbox, running

# Of an answer; a conversation of one hour takes about 130,000, the one of ten hours ten times as much.
LARGEST = 300_000
HOURS = {"one": 1, "two": 1, "three": 1, "four": 1, "long": 10}


def written(corpus: Path) -> Path:
    """The calls as the sandbox reads them."""
    corpus.write_text("\n".join(json.dumps(conversation(name, hours, 2)) for name, hours in HOURS.items()), "utf-8")
    return corpus


@pytest.fixture(scope="module")
async def talkative(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSandbox]:
    """Four calls of an hour and one of ten."""
    corpus = written(tmp_path_factory.mktemp("long") / "calls.jsonl")
    gong = stage.gong(page_size=100) | {
        "tenants": [{"workspace": "harborline", "access_key": HARBORLINE[0], "access_key_secret": HARBORLINE[1]}]
    }
    async with running(stage.settings(calls_file=corpus, gong=gong)) as sandbox:
        yield sandbox


@pytest.fixture
async def workshop(ingest: Ingest, talkative: RunningSandbox, stage: Stage) -> AsyncIterator[Workshop]:
    """Workers that may read answers of LARGEST bytes, and ask for all five calls at once."""
    place = Gong(f"{talkative.url}/gong", *HARBORLINE)
    way = Destination(name="gong", base_url=place.base_url, largest_response=LARGEST)
    async with Egress([way], ca_file=stage.folder / "ca.pem") as egress:
        yield Workshop(ingest, place, egress, terms=FetchTerms(batch_calls=5))


@pytest.fixture
def small_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects may hold less than the calls of an hour need."""
    monkeypatch.setattr("ingest.workers.loading.LARGEST_OBJECT", 1_000)


async def test_answers_come_in_halves_and_a_call_too_long_alone_is_told_of(workshop: Workshop) -> None:
    run = await workshop.start()
    await workshop.finish()
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_matching, done.calls_without_transcript) == (4, 5, 1)
    assert list(done.remarks) == [too_long_call_words(numeric_id("call", "long"))]
    assert [sequence for sequence, _ in await workshop.announced(run)] == [1, 2, 3, 4, 5]
    held = [json.loads(content) for content in workshop.objects.held.values()]
    assert {one["call_id"] for one in held} == {numeric_id("call", name) for name in HOURS if name != "long"}
    assert all(len(one["sentences"]) == 900 for one in held)


@pytest.mark.usefixtures("small_objects")
async def test_a_call_too_long_for_an_object_fails_no_run(workshop: Workshop) -> None:
    run = await workshop.start()
    await workshop.finish()
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_without_transcript) == (0, 5)
    assert set(done.remarks) == {too_long_call_words(numeric_id("call", name)) for name in HOURS}
    assert workshop.objects.held == {}

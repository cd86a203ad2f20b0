"""What can go wrong at Gong: nothing is lost, nothing comes twice, and the run says what became of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callmine.calls.v1.calls_pb2 import CallFetched
from contract.sandbox.stage import HARBORLINE, Stage
from ingest.workers import WorkerSettings
from integration.ingest.harness import Gong, Ingest
from integration.ingest.test_worker import arm
from integration.ingest.workshop import Workshop, opened
from local.sandbox.corpus.identifiers import numeric_id
from local.sandbox.server import RunningSandbox, running

HOURS, SPEAKERS = 10, 200
TEXTS = (
    "The price, honestly 👩🏽‍💼👍",
    "\u202eمرحب\u202c",
    "naïve — “quoted” \\ and \u0000 control",
    "価格が高い",
)


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/v2/calls/extensive", "contains": "cursor", "paging": "again", "count": 2},
        {"path": "/v2/calls/transcript", "status": 429, "retry_after": 1, "count": 2},
        {"path": "/v2/calls/extensive", "contains": "cursor", "status": 429, "retry_after": 0, "count": 3},
        {"path": "/v2/calls", "status": 503, "probability": 0.4, "count": 12},
        {"path": "/v2/calls", "status": 500, "probability": 0.4, "count": 4, "seed": 6},
        {"path": "/v2/calls", "truncate": True, "probability": 0.4, "count": 5, "seed": 2},
        {"path": "/v2/calls", "malformed": True, "probability": 0.4, "count": 5, "seed": 9},
        {"path": "/v2/calls", "html": True, "probability": 0.4, "count": 5, "seed": 6},
    ],
    ids=lambda fault: "-".join(sorted(fault)),
)
async def test_the_run_is_whole_in_the_end(
    workshop: Workshop, sandbox: RunningSandbox, fault: dict[str, object]
) -> None:
    workshop.per_second = 1_000.0
    run = await workshop.start()
    arm(sandbox, **fault)
    await workshop.finish()
    announced = await workshop.announced(run)
    assert [sequence for sequence, _ in announced] == [1, 2, 3, 4, 5]
    assert len({name for _, name in announced}) == 5
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_matching, done.calls_private) == (4, 4, 1)
    assert all(one["struck"] for one in sandbox.sandbox.switchboard.report())


async def test_a_list_without_end_is_given_up_in_words(
    workshop: Workshop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.gong.paging.MOST_PAGES", 50)
    workshop.settings = WorkerSettings(first_delay=0.001, longest_delay=0.001, most_attempts=1)
    run = await workshop.start()
    arm(sandbox, paging="endless")
    await workshop.finish()
    assert "list at /v2/calls/extensive does not end" in await workshop.failure(run)
    assert await workshop.announced(run) == [(1, "FetchFailed")]


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(hours=-3), timedelta(minutes=30)])
async def test_a_process_whose_clock_is_wrong_loses_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    """Leases, pauses and the age of a call are by the database's clock; its own decides at most that a grant is over."""
    run = await workshop.start()
    worker = workshop.worker()
    monkeypatch.setattr(type(worker._door.clock), "now", lambda _self: datetime.now(UTC) + skew)
    await workshop.finish(worker)
    assert (await workshop.completed(run)).calls_fetched == 4


def conversation(name: str, hours: int, speakers: int) -> dict[str, object]:
    """One call of the corpus: a sentence every four seconds."""
    parties = [
        {"speaker_id": f"s{number}", "name": f"Speaker {number} {TEXTS[1]}", "affiliation": "External"}
        for number in range(speakers)
    ]
    sentences = [
        {
            "speaker_id": f"s{second % speakers}",
            "start_ms": 4_000 * second,
            "end_ms": 4_000 * second + 3_500,
            "text": text,
        }
        for second in range(hours * 900)
        for text in [f"{TEXTS[second % len(TEXTS)]} {second}"]
    ]
    return {"id": name, "title": f"{name} {TEXTS[0]}", "parties": parties, "sentences": sentences}


async def test_a_call_of_ten_hours_and_two_hundred_speakers_in_every_script(
    ingest: Ingest, stage: Stage, tmp_path: Path
) -> None:
    long_id = next(name for name in map(str, range(1_000)) if len(numeric_id("call", name)) == 20)
    corpus = tmp_path / "calls.jsonl"
    lines = [conversation(long_id, HOURS, SPEAKERS), conversation("short", 1, 2)]
    corpus.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    gong = stage.gong(page_size=100) | {
        "tenants": [{"workspace": "harborline", "access_key": HARBORLINE[0], "access_key_secret": HARBORLINE[1]}]
    }
    async with running(stage.settings(calls_file=corpus, gong=gong)) as sandbox:
        place = Gong(f"{sandbox.url}/gong", *HARBORLINE)
        async with opened(ingest, place, stage.folder / "ca.pem") as workshop:
            run = await workshop.start()
            await workshop.finish()
            assert (await workshop.completed(run)).calls_fetched == 2
    fetched = {
        event.payload.call_id: workshop.objects.held[event.payload.object_name]
        for event in await ingest.told(CallFetched)
        if isinstance(event.payload, CallFetched)
    }
    document = json.loads(fetched[numeric_id("call", long_id)])
    assert len(document["call_id"]) == 20
    assert len(document["parties"]) == SPEAKERS
    assert {party["speaker_id"] for party in document["parties"]} == {
        one["speaker_id"] for one in document["sentences"]
    }
    spoken = [one["text"] for one in document["sentences"]]
    assert spoken == [str(one["text"]).strip() for one in lines[0]["sentences"]]  # type: ignore[attr-defined]
    assert document["title"] == lines[0]["title"]

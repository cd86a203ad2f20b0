"""What a workspace's admins have chosen holds in analysis as soon as it is told, whatever order the messages come in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from analysis.domain.preferences import Preferences
from analysis.models.port import Prompt
from analysis.store import preferences
from callmine.workspaces.v1 import workspaces_pb2
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from core.ids import WorkspaceId, uuid7
from integration.analysis.world import ACME, MAYA, RIVAL, World, call_document, question
from messaging import Verdict


def updated(**chosen: bool) -> WorkspaceUpdated:
    return WorkspaceUpdated(name="Acme", timezone="UTC", preferences=workspaces_pb2.Preferences(**chosen))


async def told(world: World, message: Message, sequence: int, times: int = 1) -> None:
    """Told so often: by the broker, and by a producer that repeats itself."""
    event = world.event(message, ACME, sequence=sequence)
    for _ in range(times):
        verdicts = await world.deliver(event, replace(event, event_id=uuid7()), topic="workspaces")
        assert verdicts == [Verdict.ACK] * 2


async def known(world: World, workspace_id: WorkspaceId = ACME) -> Preferences:
    async with world.db.workspace(workspace_id) as tx:
        return await preferences.of_workspace(tx)


HISTORY: list[Message] = [
    WorkspaceCreated(name="Acme", timezone="UTC"),
    updated(mask_personal_data=False),
    updated(mask_personal_data=False, other_provider_fallback=True),
    # Of a release that knew of no preferences, which ran on during a roll-out: the later message, but none about them.
    WorkspaceUpdated(name="Acme 2", timezone="Asia/Tokyo"),
]


async def test_the_defaults_hold_while_nothing_is_told(world: World) -> None:
    assert await known(world) == Preferences(mask_personal_data=True, other_provider_fallback=False)
    await told(world, updated(), 1)
    assert await known(world) == Preferences(mask_personal_data=True, other_provider_fallback=False)


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(HISTORY)))))
async def test_the_latest_preferences_win_in_any_order(world: World, order: tuple[int, ...]) -> None:
    for place in order:
        await told(world, HISTORY[place], 10 + place, times=2)
    assert await known(world) == Preferences(mask_personal_data=False, other_provider_fallback=True)
    assert (await world.desk.situation(ACME)).timezone == "Asia/Tokyo"
    assert await known(world, RIVAL) == Preferences()


async def test_what_is_taken_back_is_at_its_default_again(world: World) -> None:
    await told(world, updated(mask_personal_data=False, other_provider_fallback=True), 1)
    await told(world, updated(other_provider_fallback=True), 2)
    assert await known(world) == Preferences(mask_personal_data=True, other_provider_fallback=True)


PERSONAL = (
    "dana@brightwater.example",
    "415-555-0132",
    "4111 1111 1111 1111",
    "+49 30 901820",
    "cfo@brightwater.example",
)
SPOKEN = f"Write to {PERSONAL[0]} or call {PERSONAL[1]}, the card is {PERSONAL[2]}, and I never said [EMAIL-A]."


def document(call_id: str) -> dict[str, object]:
    """A call with personal data wherever people write something."""
    found = call_document(call_id, SPOKEN)
    found["title"] = f"Call with {PERSONAL[0]}"
    parties, deal = found["parties"], found["deal"]
    assert isinstance(parties, list)
    assert isinstance(deal, dict)
    parties[1]["name"] = PERSONAL[4]
    deal["account"] = f"Brightwater {PERSONAL[3]}"
    return found


def talkative(prompt: Prompt) -> str:
    """Quotes all that was said, and repeats it in everything else that it writes."""
    asked = json.loads(prompt.document)
    if prompt.task == "synthesise":
        [claim] = asked["themes"][0]["claims"]
        sentences = [{"sentence": claim["claim"], "finding_ids": [claim["id"]]}]
        return json.dumps({"headline": claim["claim"], "summary": sentences})
    spoken = asked["transcript"][1]
    finding = {
        "theme": "Contact",
        "claim": spoken["text"],
        "sentiment": "neutral",
        "quotes": [{"sentence_id": spoken["id"], "text": spoken["text"]}],
    }
    return json.dumps({"verdict": "yes", "summary": spoken["text"], "findings": [finding]})


async def finished_with(world: World, brief: str) -> Mapping[str, Any]:
    """The report of a run over one such call."""
    world.model.script = talkative
    run_id = await world.desk.start(ACME, question(brief=brief), MAYA)
    await world.deliver(await world.fetched(run_id, "call1", document=document("call1")), world.completed(run_id, 1))
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert run.report_id is not None, run.reason
    return await world.report(ACME, run.report_id)


async def test_no_personal_data_goes_to_a_model_and_all_of_it_is_in_the_report(world: World) -> None:
    report = await finished_with(world, f"How do I reach {PERSONAL[0]}?")
    assert [prompt.task for prompt in world.model.asked] == ["analyse-call", "synthesise"]
    for prompt in world.model.asked:
        assert [text for text in PERSONAL if text in prompt.document] == []
        assert "[EMAIL-A]" in prompt.document
        assert "copy it exactly" in prompt.instructions
    [finding] = report["themes"][0]["findings"]
    assert [quote["text"] for quote in finding["quotes"]] == [SPOKEN]
    assert finding["quotes"][0]["speaker"] == PERSONAL[4]
    assert (finding["claim"], report["headline"], report["summary"][0]["sentence"]) == (SPOKEN, SPOKEN, SPOKEN)
    assert report["numbers"]["quotes_dropped"] == 0


async def test_a_workspace_may_choose_to_send_transcripts_as_they_are(world: World) -> None:
    await told(world, updated(mask_personal_data=False), 1)
    report = await finished_with(world, f"How do I reach {PERSONAL[0]}?")
    for prompt in world.model.asked:
        assert PERSONAL[0] in prompt.document
        assert "copy it exactly" not in prompt.instructions
    assert report["themes"][0]["findings"][0]["quotes"][0]["text"] == SPOKEN


async def test_a_quote_with_another_placeholder_than_was_said_is_dropped(world: World) -> None:
    def wrong(prompt: Prompt) -> str:
        answer = talkative(prompt)
        return answer.replace("[PHONE-B]", "[PHONE-A]") if prompt.task == "analyse-call" else answer

    world.model.script = wrong
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(await world.fetched(run_id, "call1", document=document("call1")), world.completed(run_id, 1))
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert run.report_id is not None
    numbers = (await world.report(ACME, run.report_id))["numbers"]
    assert isinstance(numbers, dict)
    assert (numbers["quotes"], numbers["quotes_dropped"]) == (0, 1)

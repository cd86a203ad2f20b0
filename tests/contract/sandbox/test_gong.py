"""Gong as the sandbox plays it: shapes of the published specification, paging, limits, errors, tenants apart."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from contract.sandbox.specs import specification
from contract.sandbox.stage import HARBORLINE, QUILLSTONE, SHARED, SettableClock, Stage
from local.sandbox.server import RunningSandbox, running

EVERYTHING = {
    "context": "Extended",
    "contextTiming": ["Now", "TimeOfCall"],
    "exposedFields": {
        "parties": True,
        "content": {"topics": True, "structure": True, "brief": True, "trackers": True, "callOutcome": True},
        "interaction": {"speakers": True, "personInteractionStats": True, "questions": True},
        "collaboration": {"publicComments": True},
        "media": True,
    },
}
ALWAYS = {"fromDateTime": "2000-01-01T00:00:00Z", "toDateTime": "2100-01-01T00:00:00Z"}


async def extensive(client: httpx.AsyncClient, body: dict[str, object], query: str = "") -> httpx.Response:
    return await client.post(f"/gong/v2/calls/extensive{query}", json=body, auth=HARBORLINE)


@pytest.mark.parametrize(
    ("method", "path", "body", "schema"),
    [
        ("GET", "/v2/calls", None, "CallsResponse"),
        ("POST", "/v2/calls/extensive", {"filter": {}, "contentSelector": EVERYTHING}, "ExtensiveResponse"),
        ("POST", "/v2/calls/transcript", {"filter": {}}, "TranscriptResponse"),
        ("GET", "/v2/users", None, "UsersMetadata"),
        ("GET", "/v2/workspaces", None, "WorkspacesMetadata"),
    ],
)
async def test_answers_have_the_published_shape(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, object] | None, schema: str
) -> None:
    params = ALWAYS if path == "/v2/calls" else None
    answer = await client.request(method, f"/gong{path}", json=body, params=params, auth=HARBORLINE)
    assert answer.status_code == 200, answer.text
    specification("gong").check(answer.json(), schema)


async def test_cursor_in_the_query_walks_all_pages_of_the_list(client: httpx.AsyncClient) -> None:
    seen: list[str] = []
    params = dict(ALWAYS)
    while True:
        page = (await client.get("/gong/v2/calls", params=params, auth=HARBORLINE)).json()
        seen += [call["id"] for call in page["calls"]]
        if "cursor" not in page["records"]:
            break
        params["cursor"] = page["records"]["cursor"]
    assert len(seen) == len(set(seen)) == page["records"]["totalRecords"] == 5


async def test_cursor_in_the_body_walks_all_pages_of_a_post(client: httpx.AsyncClient) -> None:
    first = (await extensive(client, {"filter": {}})).json()
    second = (await extensive(client, {"filter": {}, "cursor": first["records"]["cursor"]})).json()
    third = (await extensive(client, {"filter": {}, "cursor": second["records"]["cursor"]})).json()
    ids = [call["metaData"]["id"] for page in (first, second, third) for call in page["calls"]]
    assert len(set(ids)) == 5
    assert "cursor" not in third["records"]
    assert [page["records"]["currentPageNumber"] for page in (first, second, third)] == [0, 1, 2]


async def test_cursor_in_the_wrong_place_repeats_the_first_page(client: httpx.AsyncClient) -> None:
    first = (await extensive(client, {"filter": {}})).json()
    cursor = first["records"]["cursor"]
    in_query = (await extensive(client, {"filter": {}}, f"?cursor={cursor}")).json()
    in_filter = (await extensive(client, {"filter": {"cursor": cursor}})).json()
    assert first["calls"] == in_query["calls"] == in_filter["calls"]


async def test_cursor_of_another_request_is_refused(client: httpx.AsyncClient) -> None:
    cursor = (await extensive(client, {"filter": {}})).json()["records"]["cursor"]
    answer = await extensive(client, {"filter": {"callIds": ["1", "2", "3"]}, "cursor": cursor})
    assert answer.status_code == 404
    answer = await extensive(client, {"filter": ALWAYS, "cursor": cursor})
    assert answer.status_code == 400
    specification("gong").check(answer.json(), "ErrorResponse")


async def test_start_is_inclusive_and_end_exclusive(client: httpx.AsyncClient) -> None:
    started = (await extensive(client, {"filter": {}})).json()["calls"][0]["metaData"]["started"]
    next_second = (datetime.fromisoformat(started) + timedelta(seconds=1)).isoformat()
    inside = await extensive(client, {"filter": {"fromDateTime": started, "toDateTime": next_second}})
    assert [call["metaData"]["started"] for call in inside.json()["calls"]] == [started]
    before = {"fromDateTime": "2000-01-01T00:00:00Z", "toDateTime": started}
    assert (await extensive(client, {"filter": before})).status_code == 404


async def test_all_that_a_filter_names_must_be_met(client: httpx.AsyncClient) -> None:
    listed = (await extensive(client, {"filter": {}})).json()["calls"]
    first, second = (call["metaData"] for call in listed[:2])
    ids = [second["id"], "123", first["id"], first["id"]]
    until = {"toDateTime": second["started"]}

    async def found(wanted: dict[str, object]) -> list[str]:
        answer = await extensive(client, {"filter": wanted})
        return [call["metaData"]["id"] for call in answer.json().get("calls", [])]

    assert await found({"callIds": ids}) == [first["id"], second["id"]], "once each, the oldest first"
    assert await found({"callIds": ids, **until}) == [first["id"]]
    assert await found({"callIds": ids, "fromDateTime": second["started"]}) == [second["id"]]
    owner = first["primaryUserId"]
    assert await found({"primaryUserIds": [owner], **until}) == [first["id"]]
    assert await found({"primaryUserIds": ["123"], **until}) == []
    assert await found({"workspaceId": first["workspaceId"], **until}) == [first["id"]]
    assert await found({"workspaceId": "123", "callIds": ids}) == []


async def test_nothing_found_is_a_404_with_gongs_sentence(client: httpx.AsyncClient) -> None:
    answer = await extensive(client, {"filter": {"callIds": ["123"]}})
    assert answer.status_code == 404
    assert answer.json()["errors"] == ["No calls found corresponding to the provided filters"]
    specification("gong").check(answer.json(), "ErrorResponse")


@pytest.mark.parametrize(("path", "status"), [("/v2/calls", 401), ("/v2/users", 401), ("/v2/workspaces", 403)])
async def test_a_wrong_key_is_refused(client: httpx.AsyncClient, path: str, status: int) -> None:
    for auth in ((HARBORLINE[0], "wrong-secret"), (HARBORLINE[0], QUILLSTONE[1]), None):
        answer = await client.get(f"/gong{path}", params=ALWAYS, auth=auth)
        assert answer.status_code == status
        specification("gong").check(answer.json(), "ErrorResponse")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "Json parse error"), (b"{}", "filter"), (b'{"filter":{"fromDateTime":"soon"}}', "date")],
)
async def test_a_bad_request_is_a_400(client: httpx.AsyncClient, content: bytes, words: str) -> None:
    answer = await client.post("/gong/v2/calls/extensive", content=content, auth=HARBORLINE)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][0]


async def test_parties_and_context_only_when_asked(client: httpx.AsyncClient) -> None:
    bare = (await extensive(client, {"filter": {}})).json()["calls"][0]
    assert set(bare) == {"metaData"}
    full = (await extensive(client, {"filter": {}, "contentSelector": EVERYTHING})).json()["calls"][0]
    objects = {entry["objectType"]: entry for entry in full["context"][0]["objects"] if entry["timing"] == "Now"}
    account = {field["name"]: field["value"] for field in objects["Account"]["fields"]}
    deal = {field["name"]: field["value"] for field in objects["Opportunity"]["fields"]}
    assert account["NumberOfEmployees"] == 850
    assert (deal["StageName"], deal["Amount"], deal["OwnerName"]) == ("Proposal", 64000, "Maya Lindqvist")
    assert deal["OwnerId"] == full["metaData"]["primaryUserId"]


async def test_basic_context_names_the_objects_without_their_fields(client: httpx.AsyncClient) -> None:
    answer = await extensive(client, {"filter": {}, "contentSelector": {"context": "Basic"}})
    objects = answer.json()["calls"][0]["context"][0]["objects"]
    assert [entry["fields"] for entry in objects] == [[], []]


async def test_transcript_joins_parties_by_speaker_id(client: httpx.AsyncClient) -> None:
    call = (await extensive(client, {"filter": {}, "contentSelector": EVERYTHING})).json()["calls"][0]
    asked = {"filter": {"callIds": [call["metaData"]["id"]]}}
    answer = (await client.post("/gong/v2/calls/transcript", json=asked, auth=HARBORLINE)).json()
    transcript = answer["callTranscripts"][0]["transcript"]
    speakers = {party["speakerId"]: party for party in call["parties"] if "speakerId" in party}
    assert {monologue["speakerId"] for monologue in transcript} == set(speakers)
    assert not set(speakers) & {party["id"] for party in call["parties"]}
    assert [party["name"] for party in call["parties"] if "speakerId" not in party] == ["Nobody Speaks"]
    assert {monologue["topic"] for monologue in transcript} == {"Introduction", "Pricing"}
    spans = [(sentence["start"], sentence["end"]) for monologue in transcript for sentence in monologue["sentences"]]
    assert spans == sorted(spans)
    assert spans[-1][1] // 1000 == call["metaData"]["duration"]


async def test_ids_are_text_and_the_same_again(client: httpx.AsyncClient, stage: Stage) -> None:
    page = (await extensive(client, {"filter": {}})).json()
    ids = [call["metaData"]["id"] for call in page["calls"]]
    assert all(18 <= len(call_id) <= 20 and call_id.isdigit() for call_id in ids)
    async with running(stage.settings()) as second, stage.client(second.url) as other:
        again = (await extensive(other, {"filter": {}})).json()
    assert ids == [call["metaData"]["id"] for call in again["calls"]]


async def test_private_calls_are_marked(client: httpx.AsyncClient) -> None:
    page = (await extensive(client, {"filter": {}})).json()
    assert [call["metaData"]["isPrivate"] for call in page["calls"]] == [True, False]


async def test_tenants_see_their_own_calls_only(client: httpx.AsyncClient) -> None:
    theirs = (await client.get("/gong/v2/calls", params=ALWAYS, auth=QUILLSTONE)).json()
    assert theirs["records"]["totalRecords"] == 2
    stolen: dict[str, object] = {"filter": {"callIds": [theirs["calls"][0]["id"]]}}
    assert (await extensive(client, stolen)).status_code == 404


async def test_the_limits_answer_429_with_retry_after(stage: Stage) -> None:
    clock = SettableClock()
    settings = stage.settings(gong=stage.gong(per_second=3.0, per_day=5))
    async with running(settings, clock) as sandbox, stage.client(sandbox.url) as client:
        codes = [(await client.get("/gong/v2/users", auth=HARBORLINE)).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        assert (await client.get("/gong/v2/users", auth=QUILLSTONE)).status_code == 200
        clock.advance(1.0)
        answers = [await client.get("/gong/v2/users", auth=HARBORLINE) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        specification("gong").check(answers[-1].json(), "ErrorResponse")
        assert int(answers[-1].headers["retry-after"]) > 3600


async def test_real_conversations_are_served_to_both_tenants(stage: Stage) -> None:
    path = SHARED / "data" / "real_calls.jsonl"
    if not path.is_file():
        pytest.skip("real_calls.jsonl is not beside the project (../shared/data): real conversations not tried")
    async with running(stage.settings(calls_file=path, gong=stage.gong(page_size=100))) as sandbox:
        await _check_real_conversations(stage, sandbox)


async def _check_real_conversations(stage: Stage, sandbox: RunningSandbox) -> None:
    async with stage.client(sandbox.url) as client:
        totals = []
        for auth in (HARBORLINE, QUILLSTONE):
            body = {"filter": {}, "contentSelector": EVERYTHING}
            page = (await client.post("/gong/v2/calls/extensive", json=body, auth=auth)).json()
            specification("gong").check(page, "ExtensiveResponse")
            spoken = (await client.post("/gong/v2/calls/transcript", json={"filter": {}}, auth=auth)).json()
            specification("gong").check(spoken, "TranscriptResponse")
            totals.append(page["records"]["totalRecords"])
            affiliations = {party["affiliation"] for call in page["calls"] for party in call["parties"]}
            assert affiliations == {"Internal", "External", "Unknown"}
            assert max(len(call["parties"]) for call in page["calls"]) > 10
    assert totals == [9, 9]

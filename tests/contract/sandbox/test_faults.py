"""The switchboard: each provider misbehaves when told, as told, as often as told, and for nobody without the token."""

from __future__ import annotations

import time

import httpx
import pytest

from contract.sandbox.specs import specification
from contract.sandbox.stage import HARBORLINE, admin


async def arm(client: httpx.AsyncClient, **fault: object) -> None:
    answer = await client.post("/_faults", json=fault, headers=admin())
    assert answer.status_code == 201, answer.text


async def users(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/gong/v2/users", auth=HARBORLINE)


async def test_only_the_admin_token_opens_it(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Bearer not-the-admin"}):
        assert (
            await client.post("/_faults", json={"provider": "gong", "status": 500}, headers=headers)
        ).status_code == 401
        assert (await client.get("/_journal", headers=headers)).status_code == 401
    assert (await users(client)).status_code == 200


async def test_a_status_strikes_so_often_with_retry_after(client: httpx.AsyncClient) -> None:
    await arm(client, provider="gong", status=429, retry_after=7, count=2)
    answers = [await users(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    specification("gong").check(answers[0].json(), "ErrorResponse")
    report = (await client.get("/_faults", headers=admin())).json()["faults"]
    assert [fault["struck"] for fault in report] == [2]


@pytest.mark.parametrize(
    ("provider", "path", "name", "status"),
    [("openai", "/openai/v1/models", "openai", 503), ("anthropic", "/anthropic/v1/messages", "anthropic", 529)],
)
async def test_each_vendor_errs_in_its_own_shape(
    client: httpx.AsyncClient, provider: str, path: str, name: str, status: int
) -> None:
    await arm(client, provider=provider, status=status)
    answer = await client.request("GET" if provider == "openai" else "POST", path)
    assert answer.status_code == status
    specification(name).check(answer.json(), "ErrorResponse")


async def test_path_and_content_choose_the_request(client: httpx.AsyncClient) -> None:
    await arm(client, provider="gong", path="/v2/calls/transcript", contains="4711", status=500)
    for ids, status in ((["4711"], 500), (["4712"], 404)):
        body = {"filter": {"callIds": ids}}
        answer = await client.post("/gong/v2/calls/transcript", json=body, auth=HARBORLINE)
        assert answer.status_code == status
    assert (await users(client)).status_code == 200


async def test_malformed_is_no_json_and_truncated_no_whole_answer(client: httpx.AsyncClient) -> None:
    await arm(client, provider="gong", malformed=True, count=1)
    with pytest.raises(ValueError, match="Expecting"):
        (await users(client)).json()
    await arm(client, provider="gong", truncate=True, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await users(client)
    assert (await users(client)).status_code == 200


async def test_delay_alone_only_delays(client: httpx.AsyncClient) -> None:
    await arm(client, provider="gong", delay=0.05, count=1)
    began = time.perf_counter()
    assert (await users(client)).status_code == 200
    assert time.perf_counter() - began >= 0.05


async def test_probability_follows_the_seed(client: httpx.AsyncClient) -> None:
    runs = []
    for _ in range(2):
        await client.delete("/_faults", headers=admin())
        await arm(client, provider="gong", status=503, probability=0.5, seed=11)
        runs.append([(await users(client)).status_code for _ in range(12)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


@pytest.mark.parametrize(
    "fault",
    [
        {"provider": "gong"},
        {"provider": "nobody", "status": 500},
        {"provider": "gong", "status": 500, "malformed": True},
    ],
)
async def test_a_senseless_fault_is_refused(client: httpx.AsyncClient, fault: dict[str, object]) -> None:
    assert (await client.post("/_faults", json=fault, headers=admin())).status_code == 400


async def pages(client: httpx.AsyncClient, most: int = 9) -> list[list[str]]:
    """The calls on each page of the whole list."""
    body: dict[str, object] = {"filter": {}}
    found: list[list[str]] = []
    while len(found) < most:
        answer = (await client.post("/gong/v2/calls/extensive", json=body, auth=HARBORLINE)).json()
        specification("gong").check(answer, "ExtensiveResponse")
        found.append([call["metaData"]["id"] for call in answer["calls"]])
        if "cursor" not in answer["records"]:
            return found
        body["cursor"] = answer["records"]["cursor"]
    return found


async def test_a_page_comes_again_and_the_list_goes_on(client: httpx.AsyncClient) -> None:
    plain = await pages(client)
    await arm(client, provider="gong", contains="cursor", paging="again", count=1)
    assert await pages(client) == [plain[0], plain[0], *plain[1:]]


async def test_a_list_without_end(client: httpx.AsyncClient) -> None:
    plain = await pages(client)
    await arm(client, provider="gong", paging="endless")
    assert await pages(client) == (plain * 9)[:9]


async def test_a_call_is_left_out_of_an_answer(client: httpx.AsyncClient) -> None:
    calls = [call_id for page in await pages(client) for call_id in page]
    await arm(client, provider="gong", path="/v2/calls/transcript", withhold=calls[0], count=1)
    for expected in ([calls[1]], calls[:2]):
        body = {"filter": {"callIds": calls[:2]}}
        answer = (await client.post("/gong/v2/calls/transcript", json=body, auth=HARBORLINE)).json()
        assert [one["callId"] for one in answer["callTranscripts"]] == expected

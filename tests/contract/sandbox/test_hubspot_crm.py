"""HubSpot's CRM as the sandbox plays it: shapes of the published specification, batches in part, search, limits, scopes, accounts apart."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from contract.sandbox import hubspot_associations
from contract.sandbox.oauth_client import Application
from contract.sandbox.specs import specification
from contract.sandbox.stage import SettableClock, Stage
from local.sandbox.server import running

SCOPES = tuple(f"crm.objects.{kind}.read" for kind in ("contacts", "companies", "deals", "owners"))
NOBODY = "nobody@elsewhere.example"


class Crm:
    """One account's CRM with a live token."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {token}"}

    async def post(self, path: str, body: dict[str, object]) -> httpx.Response:
        return await self._client.post(f"/hubspot/crm{path}", json=body, headers=self._headers)

    async def get(self, path: str) -> httpx.Response:
        return await self._client.get(f"/hubspot/crm{path}", headers=self._headers)

    async def read(
        self, kind: str, ids: Sequence[str], properties: Sequence[str] = (), **more: object
    ) -> httpx.Response:
        inputs = [{"id": one} for one in ids]
        body = {"inputs": inputs, "properties": list(properties), "propertiesWithHistory": [], **more}
        return await self.post(f"/v3/objects/{kind}/batch/read", body)

    async def by_email(self, *emails: str) -> httpx.Response:
        return await self.read("contacts", emails, ["email", "associatedcompanyid"], idProperty="email")

    async def associated(self, kind: str, to: str, *ids: str) -> httpx.Response:
        return await self.post(f"/v4/associations/{kind}/{to}/batch/read", {"inputs": [{"id": one} for one in ids]})


async def connected(client: httpx.AsyncClient, account: str = "harborline", scopes: Sequence[str] = SCOPES) -> Crm:
    application = Application(client, "hubspot")
    tokens = await application.control("POST", "tokens", account=account, scopes=list(scopes))
    return Crm(client, str(tokens["access_token"]))


@pytest.fixture
async def crm(client: httpx.AsyncClient) -> Crm:
    """Harborline's CRM."""
    return await connected(client)


def ids(answer: httpx.Response) -> list[str]:
    return [str(result["id"]) for result in answer.json()["results"]]


async def test_the_records_of_a_customer_hang_together(crm: Crm) -> None:
    contact = (await crm.by_email("Tomas@Brightwater.example")).json()["results"][0]
    company_id = contact["properties"]["associatedcompanyid"]
    company = (await crm.read("companies", [company_id], ["name", "numberofemployees"])).json()["results"][0]
    assert company["properties"]["numberofemployees"] == "850"
    linked = (await crm.associated("contacts", "deals", contact["id"])).json()["results"][0]["to"]
    theirs = (await crm.associated("companies", "deals", company_id)).json()["results"][0]["to"]
    assert {end["toObjectId"] for end in linked} < {end["toObjectId"] for end in theirs}
    deal = (await crm.read("deals", [linked[0]["toObjectId"]], ["dealstage", "amount"])).json()["results"][0]
    assert (deal["properties"]["dealstage"], deal["properties"]["amount"]) == ("presentationscheduled", "64000")


async def test_answers_have_the_published_shape(crm: Crm) -> None:
    spec = specification("hubspot")
    whole = await crm.by_email("tomas@brightwater.example")
    assert whole.status_code == 200
    spec.check(whole.json(), "BatchResponseSimplePublicObject")
    part = await crm.by_email("tomas@brightwater.example", NOBODY)
    assert part.status_code == 207
    spec.check(part.json(), "BatchResponseSimplePublicObjectWithErrors")
    found = await crm.post(
        "/v3/objects/companies/search",
        {"filterGroups": [{"filters": [{"propertyName": "domain", "operator": "EQ", "value": "brightwater.example"}]}]},
    )
    spec.check(found.json(), "CollectionResponseWithTotalSimplePublicObjectForwardPaging")
    assert found.json()["total"] == 1
    spec.check((await crm.get("/v3/owners/")).json(), "CollectionResponsePublicOwnerForwardPaging")
    spec.check((await crm.get("/v3/pipelines/deals")).json(), "CollectionResponsePipelineNoPaging")


async def test_associations_have_their_published_shape_and_207_for_who_has_none(crm: Crm) -> None:
    [contact_id] = ids(await crm.by_email("tomas@brightwater.example"))
    whole = await crm.associated("contacts", "deals", contact_id)
    assert whole.status_code == 200
    hubspot_associations.check(whole.json(), hubspot_associations.ANSWER)
    part = await crm.associated("contacts", "deals", contact_id, "404")
    assert part.status_code == 207
    hubspot_associations.check(part.json(), hubspot_associations.ANSWER)
    [fault] = part.json()["errors"]
    specification("hubspot").check(fault, "StandardError")
    assert fault["context"]["fromObjectId"] == ["404"]


async def test_a_person_whom_nobody_entered_is_missing(crm: Crm) -> None:
    answer = await crm.by_email(NOBODY, "tomas@brightwater.example")
    assert len(ids(answer)) == 1
    assert answer.json()["errors"][0]["context"]["ids"] == [NOBODY]


async def test_an_account_sees_its_own_records_only(client: httpx.AsyncClient, crm: Crm) -> None:
    other = await connected(client, "quillstone")
    theirs = ids(await other.by_email("tomas@brightwater.example"))
    assert theirs
    assert ids(await crm.read("contacts", theirs)) == []


async def test_each_path_wants_its_scope(client: httpx.AsyncClient) -> None:
    crm = await connected(client, scopes=["crm.objects.deals.read"])
    refused = await crm.by_email("tomas@brightwater.example")
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    specification("hubspot").check(refused.json(), "Error")
    assert (await crm.get("/v3/pipelines/deals")).status_code == 200


async def test_a_token_that_is_none_and_one_that_has_expired_are_told_apart(client: httpx.AsyncClient) -> None:
    answer = await Crm(client, "nothing").get("/v3/owners/")
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    crm = await connected(client)
    await Application(client, "hubspot").control("POST", "expire", account="harborline")
    answer = await crm.get("/v3/owners/")
    assert (answer.status_code, answer.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")


async def test_what_cannot_be_read_is_a_400(crm: Crm) -> None:
    too_many = await crm.read("deals", [str(number) for number in range(101)])
    assert (too_many.status_code, too_many.json()["category"]) == (400, "VALIDATION_ERROR")
    long_search: dict[str, object] = {"filterGroups": [], "properties": ["x" * 3_000]}
    assert (await crm.post("/v3/objects/companies/search", long_search)).status_code == 400


async def test_limits_are_told_and_kept(stage: Stage) -> None:
    clock = SettableClock()
    limits = {"requests": 3, "searches_per_second": 1, "requests_per_day": 6}
    async with running(stage.settings(hubspot=limits), clock) as sandbox, stage.client(sandbox.url) as client:
        crm = await connected(client)
        remaining = [
            (await crm.get("/v3/owners/")).headers["x-hubspot-ratelimit-remaining"] for _ in range(limits["requests"])
        ]
        assert remaining == ["2", "1", "0"]
        await refused(crm, "TEN_SECONDLY_ROLLING", "10")
        clock.advance(10)
        search: dict[str, object] = {"filterGroups": []}
        found = await crm.post("/v3/objects/deals/search", search)
        assert not [name for name in found.headers if name.startswith("x-hubspot-ratelimit")]
        second = await crm.post("/v3/objects/deals/search", search)
        assert (second.status_code, second.json()["policyName"]) == (429, "SECONDLY")
        await crm.get("/v3/owners/")
        last = await crm.get("/v3/owners/")
        assert last.headers["x-hubspot-ratelimit-daily-remaining"] == "0"
        await refused(crm, "DAILY", str(86_400 - 10))
        clock.advance(86_400)
        crm = await connected(client)
        assert (await crm.get("/v3/owners/")).status_code == 200


async def refused(crm: Crm, policy: str, retry_after: str) -> None:
    answer = await crm.get("/v3/owners/")
    assert (answer.status_code, answer.json()["policyName"]) == (429, policy)
    assert answer.headers["retry-after"] == retry_after
    specification("hubspot").check(answer.json(), "Error")

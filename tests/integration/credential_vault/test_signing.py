"""The signing secret: made by the vault, shown once, granted to audit alone, replaced with a day in which both count."""

from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import UTC

import httpx
import pytest

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.credentials.v1.credentials_pb2 import CredentialDenied, CredentialGranted, CredentialRequested
from callmine.integrations.v1.integrations_pb2 import Provider
from contracts import Event
from contracts.sealing import Binding
from core.ids import WorkspaceId
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE
from testkit.messages import deliver, said
from testkit.outside import AUDIT_SEALING_KEY, MEMBER, Outside
from testkit.services import Service
from testkit.tables import every_row, raw_bytes, same_database

PAGE, API = "/settings/integrations/siem", "/api/v1/integrations/siem"
MINE = WorkspaceId(HARBORLINE.organization_id)


async def made(client: httpx.AsyncClient, version: int) -> str:
    answer = await client.post(API, json={"version": version})
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


async def asked(vault: Service, requester: str = "audit") -> CredentialGranted | CredentialDenied:
    payload = CredentialRequested(
        grant_id=str(uuid.uuid4()), provider=Provider.PROVIDER_SIEM, purpose="stream", subject_id="audit-stream"
    )
    event = Event(workspace_id=MINE, payload=payload, producer=requester, aggregate_id=payload.grant_id, sequence=1)
    await deliver(vault.consumer(f"credential-requests-{requester}"), event)
    [answer] = [one.payload for topic, one in await said(vault.dsns) if topic == f"credential-grants-{requester}"][-1:]
    assert isinstance(answer, CredentialGranted | CredentialDenied)
    return answer


def opened(granted: CredentialGranted | CredentialDenied) -> list[str]:
    assert isinstance(granted, CredentialGranted)
    binding = Binding(MINE, granted.grant_id, "siem", "audit", granted.expires_at.ToDatetime(UTC))
    content = json.loads(AUDIT_SEALING_KEY.open(granted.sealed, binding))
    assert content["kind"] == "signing"
    secrets: list[str] = content["secrets"]
    return secrets


async def test_it_is_shown_once_kept_encrypted_and_granted_to_audit_alone(
    vault: Service, outside: Outside, postgres_url: str, log_lines: list[str]
) -> None:
    async with vault.program(outside.token()) as client:
        secret = await made(client, 0)
        state = (await client.get(API)).json()
        listed = (await client.get("/api/v1/integrations")).json()
    material = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    assert secret.startswith("whsec_")
    assert len(material) == 32
    assert (state["status"], state["version"]) == ("connected", 1)
    assert "secret" not in state
    assert {"provider": "siem", "status": "connected", "base_url": ""} in listed
    assert opened(await asked(vault)) == [secret]
    for other in ("ingest", "analysis"):
        assert isinstance(await asked(vault, other), CredentialDenied)
    journal = (await every_row(postgres_url, vault.dsns))["access_journal"]
    assert len(journal) == 1
    assert all(word in journal[0] for word in (MINE, "siem", "audit", "stream"))
    raw = await raw_bytes(postgres_url, vault.dsns)
    for clear in (secret.removeprefix("whsec_").rstrip("="), material.hex()):
        assert clear.encode() not in raw
        assert not any(clear in line for line in log_lines)


async def test_the_page_shows_it_in_the_answer_that_makes_it_and_never_again(vault: Service, outside: Outside) -> None:
    async with vault.browser(outside.token()) as browser:
        assert "No secret yet" in (await browser.get(PAGE)).text
        answer = await browser.post(PAGE, data={"version": "0"})
        [secret] = set(re.findall(r"whsec_[A-Za-z0-9+/]+=*", answer.text))
        assert answer.headers["cache-control"] == "private, no-store"
        again = await browser.get(PAGE)
        twice = await browser.post(PAGE, data={"version": "0"})
        integrations = await browser.get("/settings/integrations")
    assert secret.removeprefix("whsec_") not in again.text
    assert (twice.status_code, "whsec_" in twice.text) == (409, False)
    assert 'id="siem"' not in integrations.text
    assert opened(await asked(vault)) == [secret]


async def test_both_secrets_count_for_a_day_and_the_look_at_the_old_one_is_journalled(
    vault: Service, outside: Outside, postgres_url: str
) -> None:
    async with vault.program(outside.token()) as client:
        first = await made(client, 0)
        second = await made(client, 1)
        assert (await client.post(API, json={"version": 1})).status_code == 409
    assert opened(await asked(vault)) == [second, first]
    async with connected(same_database(postgres_url, vault.dsns)) as connection:
        await connection.execute("UPDATE credentials SET connected_at = connected_at - interval '24 hours 1 second'")
    assert opened(await asked(vault)) == [second]
    journal = (await every_row(postgres_url, vault.dsns))["access_journal"]
    assert len([line for line in journal if "rotation" in line and "credential-vault" in line]) == 1


async def test_it_is_removed_and_made_anew_and_each_is_audited_without_it(
    vault: Service, outside: Outside, postgres_url: str
) -> None:
    async with vault.program(outside.token()) as client:
        first = await made(client, 0)
        assert (await client.delete("/api/v1/integrations/siem")).status_code == 204
        assert isinstance(await asked(vault), CredentialDenied)
        second = await made(client, 2)
    assert opened(await asked(vault)) == [second]
    events = await said(vault.dsns)
    assert not [one for topic, one in events if topic == "integrations"]
    actions = [one.payload for topic, one in events if topic == "audit"]
    assert [action.target_id for action in actions if isinstance(action, AdminAction)] == ["siem"] * 3
    rows = await every_row(postgres_url, vault.dsns)
    assert rows["revocations"] == []
    told = str(actions)
    assert first not in told
    assert second not in told


async def test_no_key_and_no_member_makes_it(vault: Service, outside: Outside) -> None:
    async with vault.program(outside.token(MEMBER)) as member:
        assert (await member.post(API, json={"version": 0})).status_code == 403
        assert (await member.get(API)).status_code == 403


@pytest.mark.parametrize("version", [-1, 2**63, "x", None])
async def test_a_version_is_a_number(vault: Service, outside: Outside, version: object) -> None:
    async with vault.program(outside.token()) as client:
        assert (await client.post(API, json={"version": version})).status_code == 400

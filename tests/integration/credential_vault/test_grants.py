"""Grants: sealed to who asked, recorded first, made once."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message

from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRequested,
    DenialReason,
)
from callmine.integrations.v1.integrations_pb2 import Provider
from contracts import Event
from contracts.sealing import Binding, CannotOpen, SealingKey
from core.ids import WorkspaceId
from integration.credential_vault.gong_key import ANALYSIS_KEY, API, INGEST_KEY, KEY, PAGE, SECRET, connect, in_clear
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from messaging import Verdict
from testkit.messages import deliver, delivery, parked_reasons, said
from testkit.outside import GONG_PAIRS, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import every_row, raw_bytes, same_database

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)
PROVIDERS = (Provider.PROVIDER_GONG, Provider.PROVIDER_HUBSPOT, Provider.PROVIDER_SLACK)
GRANT = uuid.UUID("0198f3a0-0000-7000-8000-000000000001")


def request(
    grant: uuid.UUID = GRANT,
    provider: Provider.ValueType = Provider.PROVIDER_GONG,
    workspace_id: WorkspaceId = MINE,
    producer: str = "ingest",
) -> Event[CredentialRequested]:
    payload = CredentialRequested(grant_id=str(grant), provider=provider, purpose="run", subject_id="run-1")
    return Event(workspace_id=workspace_id, payload=payload, producer=producer, aggregate_id=str(grant), sequence=1)


def binding(granted: CredentialGranted, requester: str = "ingest", workspace_id: WorkspaceId = MINE) -> Binding:
    expires_at = granted.expires_at.ToDatetime(UTC)
    return Binding(workspace_id, granted.grant_id, "gong", requester, expires_at)


async def ask(vault: Service, *requests: Event[CredentialRequested], of: str = "ingest") -> None:
    await deliver(vault.consumer(f"credential-requests-{of}"), *requests)


async def answers(vault: Service) -> list[tuple[str, Event[Message]]]:
    return [(topic, event) for topic, event in await said(vault.dsns) if topic.startswith("credential-grants")]


async def only_grant(vault: Service) -> CredentialGranted:
    [(_, event)] = await answers(vault)
    assert isinstance(event.payload, CredentialGranted)
    return event.payload


async def denial(vault: Service) -> DenialReason.ValueType:
    [(_, event)] = await answers(vault)
    assert isinstance(event.payload, CredentialDenied)
    return event.payload.reason


async def journal(vault: Service, postgres_url: str) -> list[str]:
    return (await every_row(postgres_url, vault.dsns))["access_journal"]


@pytest.fixture
async def connected_vault(vault: Service, outside: Outside) -> Service:
    async with vault.program(outside.token()) as client:
        await connect(client)
    return vault


async def test_a_grant_opens_with_the_requesters_key_and_for_nothing_else(
    connected_vault: Service, outside: Outside, postgres_url: str
) -> None:
    asked = request()
    before = datetime.now(UTC)
    await ask(connected_vault, asked)
    [(topic, event)] = await answers(connected_vault)
    granted = await only_grant(connected_vault)
    assert (topic, event.causation_id, event.aggregate_id) == (
        "credential-grants-ingest",
        str(asked.event_id),
        str(GRANT),
    )
    assert granted.sealing_key_id == INGEST_KEY.key_id
    bound = binding(granted)
    opened = json.loads(INGEST_KEY.open(granted.sealed, bound))
    assert opened == {"kind": "basic", "access_key": KEY, "secret": SECRET, "base_url": outside.gong_url}
    assert timedelta(minutes=29) < bound.expires_at - before < timedelta(minutes=31)
    assert bound.expires_at.microsecond == 0

    for key in (ANALYSIS_KEY, SealingKey.generate()):
        with pytest.raises(CannotOpen):
            key.open(granted.sealed, bound)
    elsewhere = [
        Binding(THEIRS, bound.grant_id, bound.provider, bound.requester, bound.expires_at),
        Binding(MINE, str(uuid.uuid4()), bound.provider, bound.requester, bound.expires_at),
        Binding(MINE, bound.grant_id, "hubspot", bound.requester, bound.expires_at),
        Binding(MINE, bound.grant_id, bound.provider, "analysis", bound.expires_at),
        Binding(MINE, bound.grant_id, bound.provider, bound.requester, bound.expires_at + timedelta(hours=1)),
    ]
    for other in elsewhere:
        with pytest.raises(CannotOpen):
            INGEST_KEY.open(granted.sealed, other)

    [entry] = await journal(connected_vault, postgres_url)
    assert all(word in entry for word in (MINE, str(GRANT), "gong", "ingest", "run-1"))
    assert in_clear(await raw_bytes(postgres_url, connected_vault.dsns)) == []


async def test_the_page_says_who_used_it(connected_vault: Service, outside: Outside) -> None:
    await ask(connected_vault, request())
    async with connected_vault.browser(outside.token()) as browser:
        assert "by ingest for a run" in (await browser.get(PAGE)).text


async def test_a_service_that_the_policy_does_not_name_is_denied(connected_vault: Service, postgres_url: str) -> None:
    await ask(connected_vault, request(), of="analysis")
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NOT_ALLOWED
    assert await journal(connected_vault, postgres_url) == []


async def test_ingest_may_not_have_slack(connected_vault: Service, postgres_url: str) -> None:
    await ask(connected_vault, request(provider=Provider.PROVIDER_SLACK))
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NOT_ALLOWED
    assert await journal(connected_vault, postgres_url) == []


async def test_who_asks_is_the_topic_whatever_the_message_says(connected_vault: Service, postgres_url: str) -> None:
    """A message on analysis' topic that calls itself ingest's is denied, and the denial goes to analysis."""
    await ask(connected_vault, request(producer="ingest"), of="analysis")
    [(topic, _)] = await answers(connected_vault)
    assert topic == "credential-grants-analysis"
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NOT_ALLOWED
    assert await journal(connected_vault, postgres_url) == []


async def test_what_was_never_connected_is_denied(vault: Service, postgres_url: str) -> None:
    await ask(vault, request())
    assert await denial(vault) == DenialReason.DENIAL_REASON_NOT_CONNECTED
    assert await journal(vault, postgres_url) == []


async def test_what_was_disconnected_is_denied(connected_vault: Service, outside: Outside, postgres_url: str) -> None:
    async with connected_vault.program(outside.token()) as client:
        await client.delete(f"{API}/gong")
    await ask(connected_vault, request())
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NOT_CONNECTED
    assert await journal(connected_vault, postgres_url) == []


async def test_another_workspaces_request_never_gets_this_workspaces_credential(
    connected_vault: Service, outside: Outside, postgres_url: str
) -> None:
    await ask(connected_vault, request(workspace_id=THEIRS))
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NOT_CONNECTED
    async with connected_vault.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as client:
        await connect(client, *GONG_PAIRS["quillstone"])
    mine, theirs = request(uuid.UUID(int=2)), request(uuid.UUID(int=3), workspace_id=THEIRS)
    await ask(connected_vault, theirs, mine)
    opened = {}
    for _, event in (await answers(connected_vault))[1:]:
        assert isinstance(event.payload, CredentialGranted)
        bound = binding(event.payload, workspace_id=event.workspace_id)
        opened[event.workspace_id] = json.loads(INGEST_KEY.open(event.payload.sealed, bound))["access_key"]
    assert opened == {MINE: KEY, THEIRS: GONG_PAIRS["quillstone"][0]}
    assert len(await journal(connected_vault, postgres_url)) == 2


async def test_requests_delivered_again_in_any_order_change_nothing(
    connected_vault: Service, postgres_url: str
) -> None:
    requests = [request(uuid.UUID(int=number), PROVIDERS[number % 3]) for number in range(1, 13)]
    await ask(connected_vault, *requests)
    settled = await every_row(postgres_url, connected_vault.dsns)
    assert len(settled["access_journal"]) == 4
    again = [one for one in requests for _ in range(2)]
    random.Random(7).shuffle(again)
    await ask(connected_vault, *again)
    assert await every_row(postgres_url, connected_vault.dsns) == settled


async def test_one_grant_is_made_once_even_for_a_new_message(connected_vault: Service, postgres_url: str) -> None:
    """Each release has its own entry in the journal: a second message for the same grant releases nothing."""
    await ask(connected_vault, request())
    await ask(connected_vault, request())
    await only_grant(connected_vault)
    assert len(await journal(connected_vault, postgres_url)) == 1


async def test_nothing_is_released_without_its_journal_entry(
    connected_vault: Service, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry, the sealed message and the inbox row are one transaction."""
    before = await every_row(postgres_url, connected_vault.dsns)

    def crash(point: str) -> None:
        raise RuntimeError(point)

    monkeypatch.setattr("messaging.outbox.reach", crash)
    consumer = connected_vault.consumer("credential-requests-ingest")
    assert await consumer.process([delivery(request())]) == [Verdict.RETRY]
    assert await every_row(postgres_url, connected_vault.dsns) == before


@pytest.mark.parametrize("moved", ["data key", "credential"])
async def test_rows_moved_between_workspaces_by_hand_open_nothing(
    connected_vault: Service, outside: Outside, postgres_url: str, moved: str
) -> None:
    """Whoever can write to the database still cannot make one workspace's credential serve another: its runs are told to reconnect."""
    async with connected_vault.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as client:
        await connect(client, *GONG_PAIRS["quillstone"])
    statements = {
        "data key": "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE workspace_id = $1)"
        " WHERE workspace_id = $2",
        "credential": "UPDATE credentials SET (access_key, secret, credential_id) = (SELECT access_key, secret,"
        " credential_id FROM credentials WHERE workspace_id = $1) WHERE workspace_id = $2",
    }
    async with connected(same_database(postgres_url, connected_vault.dsns)) as connection:
        await connection.execute(statements[moved], MINE, THEIRS)
    await ask(connected_vault, request(workspace_id=THEIRS))
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NEEDS_RECONNECT
    assert await parked_reasons(connected_vault.dsns) == []


@pytest.mark.parametrize(
    "closed",
    [
        "UPDATE credentials SET secret = '\\x00'",
        "UPDATE data_keys SET wrapped = '\\x00'",
        "UPDATE data_keys SET wrapped = NULL, key_id = NULL, destroyed_at = now()",
        "DELETE FROM data_keys",
    ],
    ids=["ciphertext", "data key", "shredded", "no data key"],
)
async def test_what_does_not_open_is_denied_and_logged(
    connected_vault: Service, postgres_url: str, log_lines: list[str], closed: str
) -> None:
    """The run ends with words instead of waiting for a message that is parked."""
    async with connected(same_database(postgres_url, connected_vault.dsns)) as connection:
        await connection.execute(closed)
    before = (await every_row(postgres_url, connected_vault.dsns))["data_keys"]
    await ask(connected_vault, request())
    assert await denial(connected_vault) == DenialReason.DENIAL_REASON_NEEDS_RECONNECT
    # The entry is written before anything is decrypted, so that one for a denial may stand there.
    assert len(await journal(connected_vault, postgres_url)) == 1
    assert (await every_row(postgres_url, connected_vault.dsns))["data_keys"] == before
    logged = "\n".join(log_lines)
    assert "a credential that was asked for does not open" in logged
    assert in_clear(logged.encode()) == []


BAD_REQUESTS = {
    "names no provider": CredentialRequested(grant_id=str(GRANT), purpose="run", subject_id="r"),
    "grant_id is not a UUID": CredentialRequested(
        grant_id="7", provider=Provider.PROVIDER_GONG, purpose="run", subject_id="r"
    ),
    "purpose of the credential request": CredentialRequested(
        grant_id=str(GRANT), provider=Provider.PROVIDER_GONG, purpose="a\x00b", subject_id="r"
    ),
    "subject_id of the credential request": CredentialRequested(
        grant_id=str(GRANT), provider=Provider.PROVIDER_GONG, purpose="run"
    ),
}


async def test_requests_that_make_no_sense_are_parked_and_hold_nothing_back(
    connected_vault: Service, postgres_url: str
) -> None:
    good = request()
    bad = [
        Event(workspace_id=MINE, payload=payload, producer="ingest", aggregate_id="a", sequence=1)
        for payload in BAD_REQUESTS.values()
    ]
    await ask(connected_vault, *bad[:2], good, *bad[2:])
    reasons = [reason for _, _, reason in await parked_reasons(connected_vault.dsns)]
    assert [words for words, reason in zip(BAD_REQUESTS, reasons, strict=True) if words not in reason] == []
    await only_grant(connected_vault)
    assert len(await journal(connected_vault, postgres_url)) == 1


async def test_the_address_of_a_customer_who_gave_none_follows_the_settings(
    connected_vault: Service, postgres_url: str
) -> None:
    """So that another port or host of the default does not need every customer to connect again."""
    [row] = (await every_row(postgres_url, connected_vault.dsns))["credentials"]
    assert "https://" not in row

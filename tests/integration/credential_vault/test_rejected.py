"""A service says that Gong refused what it was granted: the vault asks Gong, believes Gong alone, and does not ask it time and again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialRejected,
    CredentialRequested,
    DenialReason,
)
from callmine.integrations.v1.integrations_pb2 import IntegrationNeedsReconnect, Provider
from contracts import Event
from core.ids import WorkspaceId
from credential_vault.workers.checks import Checker
from database import Row
from integration.credential_vault.gong_key import API, PAGE, connect, in_clear
from integration.credential_vault.oauth_way import worker
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from local.sandbox.faults import Fault
from messaging import Verdict
from runtime.rounds import Rounds
from testkit.messages import deliver, delivery, parked_reasons, said
from testkit.outside import GONG_PAIRS, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import same_database

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)
GONG = Provider.PROVIDER_GONG
GRANT = uuid.UUID("0198f3a0-0000-7000-8000-000000000001")
MINUTE, SECOND_LOOK = 60.0, 300.0


class Vault:
    """The composed service with a Gong credential that has been granted once, seen by its caller and its administrator."""

    def __init__(self, service: Service, outside: Outside, postgres_url: str) -> None:
        self.service = service
        self.outside = outside
        self._admin = same_database(postgres_url, service.dsns)

    async def request(self, grant: uuid.UUID, workspace_id: WorkspaceId = MINE) -> None:
        asked = CredentialRequested(grant_id=str(grant), provider=GONG, purpose="run", subject_id="run-1")
        await self._deliver(asked, grant, workspace_id, "ingest")

    async def reject(
        self,
        grant: uuid.UUID = GRANT,
        *,
        version: int = 1,
        provider: Provider.ValueType = GONG,
        workspace_id: WorkspaceId = MINE,
        by: str = "ingest",
    ) -> None:
        """A service says that what it was granted was refused."""
        told = CredentialRejected(
            grant_id=str(grant), provider=provider, credential_version=version, provider_status=401
        )
        await self._deliver(told, grant, workspace_id, by)

    async def _deliver(
        self, payload: CredentialRequested | CredentialRejected, grant: uuid.UUID, workspace_id: WorkspaceId, by: str
    ) -> None:
        event = Event(workspace_id=workspace_id, payload=payload, producer=by, aggregate_id=str(grant), sequence=1)
        await deliver(self.service.consumer(f"credential-requests-{by}"), event)

    def delete_the_key_at_gong(self) -> None:
        """Gong answers 401 from now on."""
        self.outside.running.sandbox.switchboard.arm(Fault.model_validate({"provider": "gong", "status": 401}))

    async def check(self) -> bool:
        """What the checker does in one round; False when nothing was due."""
        return await worker(self.service, Checker).once()

    async def admin(self, sql: str, *values: object) -> list[Row]:
        async with connected(self._admin) as connection:
            return await connection.fetch(sql, *values)

    async def later(self, seconds: float) -> None:
        """Let time pass, by moving all moments back."""
        columns = ("check_at", "check_not_before", "refused_at")
        moved = ", ".join(f"{column} = {column} - make_interval(secs => $1)" for column in columns)
        await self.admin(f"UPDATE credentials SET {moved}", seconds)

    async def asked(self) -> int:
        """How often the vault has asked Gong: each time is in the journal first."""
        return len(await self.admin("SELECT FROM access_journal WHERE purpose = 'check'"))

    async def state(self) -> str:
        [row] = await self.admin("SELECT state FROM credentials WHERE workspace_id = $1", MINE)
        return str(row["state"])


@pytest.fixture
async def granted(vault: Service, outside: Outside, postgres_url: str) -> AsyncIterator[Vault]:
    async with vault.program(outside.token()) as client:
        await connect(client)
    made = Vault(vault, outside, postgres_url)
    await made.request(GRANT)
    yield made
    outside.running.sandbox.switchboard.disarm()


async def test_a_key_that_was_deleted_at_gong_ends_on_the_page_in_the_audit_log_and_in_denials(granted: Vault) -> None:
    granted.delete_the_key_at_gong()
    assert not await granted.check()
    await granted.reject()
    assert await granted.check()
    assert (await granted.state(), await granted.asked()) == ("connected", 1)
    await granted.later(SECOND_LOOK)
    assert await granted.check()
    assert (await granted.state(), await granted.asked()) == ("needs_reconnect", 2)

    reason = "Gong no longer accepts the credential; it may have been revoked or deleted there."
    async with granted.service.browser(granted.outside.token()) as browser:
        page = (await browser.get(PAGE)).text
    assert reason in page
    events = [event.payload for _, event in await said(granted.service.dsns)]
    [told] = [payload for payload in events if isinstance(payload, IntegrationNeedsReconnect)]
    assert told == IntegrationNeedsReconnect(provider=GONG, credential_version=1, reason=reason)
    entry = events[-1]
    assert isinstance(entry, AdminAction)
    assert ("status", '"needs_reconnect"') in {(one.field, one.after) for one in entry.diff}

    await granted.request(uuid.uuid4())
    (_, denied) = (await said(granted.service.dsns))[-1]
    assert isinstance(denied.payload, CredentialDenied)
    assert denied.payload.reason == DenialReason.DENIAL_REASON_NEEDS_RECONNECT
    await granted.reject()
    assert not await granted.check()


async def test_a_word_that_is_not_true_changes_nothing(granted: Vault) -> None:
    before = len(await said(granted.service.dsns))
    await granted.reject()
    assert await granted.check()
    assert (await granted.asked(), await granted.state()) == (1, "connected")
    assert len(await said(granted.service.dsns)) == before
    await granted.later(SECOND_LOOK)
    assert not await granted.check()


async def test_the_checker_is_woken(granted: Vault) -> None:
    owners = [getattr(work, "__self__", None) for work in granted.service.parts._works]
    rounds = next(one for one in owners if isinstance(one, Rounds) and len(one.rounds) > 1)
    woken = rounds._woken[0] = asyncio.Event()
    await granted.reject(uuid.uuid4())
    assert not woken.is_set()
    await granted.reject()
    assert woken.is_set()


async def test_a_noisy_service_has_gong_asked_once_a_minute(granted: Vault) -> None:
    for minute in range(1, 4):
        for _ in range(5):
            await granted.reject()
            await granted.check()
        assert await granted.asked() == minute
        await granted.later(MINUTE)


async def test_many_grants_of_one_version_do_not_make_it_more(granted: Vault) -> None:
    grants = [uuid.uuid4() for _ in range(5)]
    for grant in grants:
        await granted.request(grant)
    for grant in grants:
        await granted.reject(grant)
        await granted.check()
    assert await granted.asked() == 1


async def test_the_same_message_again_is_not_heard_again(granted: Vault) -> None:
    payload = CredentialRejected(grant_id=str(GRANT), provider=GONG, credential_version=1, provider_status=401)
    event = Event(workspace_id=MINE, payload=payload, producer="ingest", aggregate_id=str(GRANT), sequence=2)
    consumer = granted.service.consumer("credential-requests-ingest")
    await deliver(consumer, event)
    assert await granted.check()
    await granted.later(MINUTE)
    assert await consumer.process([delivery(event)] * 3) == [Verdict.ACK] * 3
    assert not await granted.check()


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ({"grant": uuid.UUID(int=9)}, "no such grant"),
        ({"workspace_id": THEIRS}, "no such grant"),
        ({"provider": Provider.PROVIDER_HUBSPOT}, "no such grant"),
        ({"provider": Provider.PROVIDER_SLACK}, "not allowed"),
        ({"by": "analysis"}, "not allowed"),
        ({"by": "analysis", "provider": Provider.PROVIDER_SLACK}, "no such grant"),
        ({"version": 2}, "another version was granted"),
        ({"version": 0}, "another version was granted"),
    ],
)
async def test_who_was_granted_nothing_of_the_kind_is_not_heard(
    granted: Vault, log_lines: list[str], how: dict[str, object], cause: str
) -> None:
    async with granted.service.program(granted.outside.token(OTHER_ADMIN, QUILLSTONE)) as client:
        key, secret = GONG_PAIRS[QUILLSTONE.slug]
        await connect(client, key, secret)
    await granted.reject(**how)  # type: ignore[arg-type]
    assert not await granted.check()
    [line] = [line for line in log_lines if "a rejected credential is not looked at" in line]
    assert f'"{cause}"' in line
    assert in_clear(line.encode()) == []
    assert await parked_reasons(granted.service.dsns) == []


async def test_an_entry_of_the_vaults_own_is_no_grant_of_the_service(granted: Vault) -> None:
    await granted.reject()
    assert await granted.check()
    [entry] = await granted.admin("SELECT grant_id FROM access_journal WHERE requester = 'credential-vault'")
    await granted.later(MINUTE)
    await granted.reject(entry["grant_id"])
    assert not await granted.check()


async def test_a_version_that_was_replaced_meanwhile_is_not_looked_at(granted: Vault) -> None:
    async with granted.service.program(granted.outside.token()) as client:
        await connect(client)
    await granted.reject()
    assert not await granted.check()


async def test_a_credential_that_was_disconnected_meanwhile_is_not_looked_at(granted: Vault) -> None:
    async with granted.service.program(granted.outside.token()) as client:
        assert (await client.delete(f"{API}/gong")).is_success
    await granted.reject()
    assert not await granted.check()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (CredentialRejected(grant_id=str(GRANT), provider=9, credential_version=1), "names no provider"),  # type: ignore[arg-type]
        (CredentialRejected(grant_id="none", provider=GONG, credential_version=1), "grant_id"),
    ],
)
async def test_what_cannot_be_meant_is_parked(granted: Vault, payload: CredentialRejected, reason: str) -> None:
    event = Event(workspace_id=MINE, payload=payload, producer="ingest", aggregate_id="x", sequence=1)
    await deliver(granted.service.consumer("credential-requests-ingest"), event)
    [(_, _, parked)] = await parked_reasons(granted.service.dsns)
    assert reason in parked
    assert not await granted.check()

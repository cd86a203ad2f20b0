"""Operators see how many webhooks came to which end: the composed service, counts only, nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.sealing import SealingKey
from ingest.main import compose
from ingest.settings import Settings
from integration.credential_vault.secret_place import SecretPlace
from integration.ingest import bodies, senders
from integration.ingest.senders import ORIGIN, SECRETS, Letter
from local.postgres import ServiceDsns
from local.secrets import SecretServer, SecretSettings
from local.tls import ServerCertificate
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import PUSH_AUDIENCE, Service, settings_for, started

OPERATOR = "operator@callmine-test.iam.gserviceaccount.com"


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("ingest")


@pytest.fixture
async def secrets(tmp_path: Path, outside: Outside) -> AsyncIterator[SecretPlace]:
    """Secret Manager with what ingest reads."""
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    async with await SecretServer.start(SecretSettings(tmp_path / "secrets.json", certificate)) as server:
        place = SecretPlace(server.address.replace("127.0.0.1", "localhost"), outside.ca_file)
        await place.put("ingest-sealing-key", SealingKey.generate().private_text().encode())
        for sender, secret in SECRETS.items():
            await place.put(f"{sender}-webhook-secret", secret.encode())
        yield place


@pytest.fixture
async def settings(dsns: ServiceDsns, outside: Outside, secrets: SecretPlace) -> Settings:
    given = {"secrets_endpoint": secrets.address, "storage_endpoint": "https://localhost:1", "webhooks_url": ORIGIN}
    return settings_for(Settings, dsns, outside, operator_service_account=OPERATOR, **given)


@pytest.fixture
async def service(settings: Settings, dsns: ServiceDsns) -> AsyncIterator[Service]:
    async with compose(settings) as parts, started(parts, dsns) as made:
        yield made


async def send(service: Service, letter: Letter) -> int:
    async with service.program() as client:
        return (await client.post(letter.path, content=letter.body, headers=dict(letter.headers))).status_code


async def test_operators_see_how_many_came_to_which_end_and_nothing_that_was_sent(
    service: Service, outside: Outside
) -> None:
    now = datetime.now(UTC)
    checkout = senders.stripe_event(bodies.checkout(), now)
    slack = senders.slack(bodies.slack_body(bodies.UNINSTALLED), now)
    statuses = [
        await send(service, letter)
        for letter in (checkout, checkout, slack, slack.without("x-slack-signature"), senders.gong(bodies.call(), now))
    ]
    assert statuses == [200, 200, 200, 401, 401]
    async with service.program(outside.push_token(PUSH_AUDIENCE, OPERATOR)) as operator:
        answer = await operator.get("/operator/webhooks")
    assert answer.json() == [
        {"sender": "gong", "outcome": "unknown_address", "refused": True, "webhooks": 1},
        {"sender": "slack", "outcome": "no_signature", "refused": True, "webhooks": 1},
        {"sender": "slack", "outcome": "no_workspace", "refused": False, "webhooks": 1},
        {"sender": "stripe", "outcome": "known", "refused": False, "webhooks": 1},
        {"sender": "stripe", "outcome": "taken", "refused": False, "webhooks": 1},
    ]


async def test_nobody_else_sees_them(service: Service, outside: Outside) -> None:
    pusher, member = outside.push_token(PUSH_AUDIENCE), outside.token()
    stranger = outside.push_token("https://elsewhere.example", OPERATOR)
    for token, status in ((None, 401), (member, 401), (stranger, 401), (pusher, 403)):
        async with service.program(token) as client:
            for path in ("/operator/webhooks", "/operator/outbound", "/operator/parked"):
                assert (await client.get(path)).status_code == status, (path, status)


async def test_without_an_operators_account_there_is_no_such_route(settings: Settings, dsns: ServiceDsns) -> None:
    alone = settings.model_copy(update={"operator_service_account": ""})
    async with compose(alone) as parts, started(parts, dsns) as service, service.program() as client:
        assert (await client.get("/operator/webhooks")).status_code == 404

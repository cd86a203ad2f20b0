"""The vault, composed as in production: real PostgreSQL, a Secret Manager over TLS, the sandbox's Gong and Clerk."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.log import JsonFormatter
from credential_vault.encryption.keyring import Keyring
from credential_vault.main import compose
from credential_vault.settings import Settings
from integration.credential_vault.gong_key import ANALYSIS_KEY, INGEST_KEY
from integration.credential_vault.keys_bench import KeysBench, keys_bench
from integration.credential_vault.oauth_way import oauth_addresses
from integration.credential_vault.secret_place import SecretPlace
from local.postgres import ServiceDsns
from local.secrets import SecretServer, SecretSettings
from local.tls import ServerCertificate
from testkit.outside import AUDIT_SEALING_KEY, OAUTH_CLIENTS, Outside
from testkit.postgres import NewDatabase
from testkit.services import Service, settings_for, started


@pytest.fixture
async def secret_place(outside: Outside, tmp_path: Path) -> AsyncIterator[SecretPlace]:
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    async with await SecretServer.start(SecretSettings(tmp_path / "secrets.json", certificate)) as server:
        yield SecretPlace(server.address.replace("127.0.0.1", "localhost"), outside.ca_file)


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("credential-vault")


@pytest.fixture
def settings(dsns: ServiceDsns, outside: Outside, secret_place: SecretPlace) -> Settings:
    return settings_for(
        Settings,
        dsns,
        outside,
        secrets_endpoint=secret_place.address,
        gong_base_url=outside.gong_url,
        ingest_sealing_public_key=INGEST_KEY.public_text(),
        analysis_sealing_public_key=ANALYSIS_KEY.public_text(),
        audit_sealing_public_key=AUDIT_SEALING_KEY.public_text(),
    )


@pytest.fixture
async def vault(settings: Settings, dsns: ServiceDsns, secret_place: SecretPlace) -> AsyncIterator[Service]:
    await secret_place.put("vault-keyset", Keyring.generate().encode())
    async with compose(settings) as parts, started(parts, dsns) as service:
        yield service


@pytest.fixture
def oauth_settings(settings: Settings, outside: Outside) -> Settings:
    """The same, set up for OAuth with all three providers."""
    return settings.model_copy(update=oauth_addresses(outside))


@pytest.fixture
async def oauth_vault(
    oauth_settings: Settings, dsns: ServiceDsns, secret_place: SecretPlace, outside: Outside
) -> AsyncIterator[Service]:
    await secret_place.put("vault-keyset", Keyring.generate().encode())
    for name, (client_id, secret) in OAUTH_CLIENTS.items():
        client = {"client_id": client_id, "client_secret": secret}
        await secret_place.put(f"{name}-oauth-client", json.dumps(client).encode())
    async with compose(oauth_settings) as parts, started(parts, dsns) as service:
        yield service
    outside.running.sandbox.switchboard.disarm()


class _Lines(logging.Handler):
    """Keeps every line as it would be written, and every record with all that hangs on it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []
        self.setFormatter(JsonFormatter("credential-vault"))

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(f"{self.format(record)} {record.__dict__!r}")


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    handler, root = _Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
async def bench(dsns: ServiceDsns, postgres_url: str, secret_place: SecretPlace) -> AsyncIterator[KeysBench]:
    async with keys_bench(dsns, postgres_url, secret_place) as opened:
        yield opened

"""The Secret Manager stand-in, spoken to with Google's client over TLS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import google_crc32c
import grpc
import pytest
from google.api_core import exceptions
from google.cloud.secretmanager_v1 import SecretManagerServiceAsyncClient, types
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)

from local.secrets import SecretPolicy, SecretServer, SecretSettings
from local.tls import Authority

PROJECT = "projects/callmine-test"
KEYSET = f"{PROJECT}/secrets/vault-keyset"
POLICY = SecretPolicy(
    tokens={"t-admin": "admin@p", "t-vault": "vault@p", "t-audit": "audit@p"},
    accessors={KEYSET: frozenset({"vault@p"})},
    admins=frozenset({"admin@p"}),
)


@asynccontextmanager
async def client_of(
    server: SecretServer, authority: Authority, token: str
) -> AsyncIterator[SecretManagerServiceAsyncClient]:
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(authority.ca_pem), grpc.access_token_call_credentials(token)
    )
    async with grpc.aio.secure_channel(server.address, credentials) as channel:
        yield SecretManagerServiceAsyncClient(transport=SecretManagerServiceGrpcAsyncIOTransport(channel=channel))


@pytest.fixture
def settings(tmp_path: Path) -> SecretSettings:
    authority = Authority.open(tmp_path / "tls")
    return SecretSettings(tmp_path / "s" / "secrets.json", authority.server("secrets"), policy=POLICY)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "tls")


@pytest.fixture
async def server(settings: SecretSettings, authority: Authority) -> AsyncIterator[SecretServer]:
    async with await SecretServer.start(settings) as running:
        async with client_of(running, authority, "t-admin") as admin:
            await admin.create_secret(parent=PROJECT, secret_id="vault-keyset", secret=types.Secret())
            for payload in (b"first", b"second"):
                await admin.add_secret_version(parent=KEYSET, payload=types.SecretPayload(data=payload))
        yield running


async def test_only_the_named_account_reads_the_payload(server: SecretServer, authority: Authority) -> None:
    async with client_of(server, authority, "t-vault") as vault:
        answer = await vault.access_secret_version(name=f"{KEYSET}/versions/latest")
    assert answer.payload.data == b"second"
    assert answer.payload.data_crc32c == google_crc32c.value(b"second")
    assert answer.name == f"{KEYSET}/versions/2"
    for token in ("t-audit", "t-admin"):
        async with client_of(server, authority, token) as other:
            with pytest.raises(exceptions.PermissionDenied):
                await other.access_secret_version(name=f"{KEYSET}/versions/latest")


async def test_unknown_token_is_unauthenticated(server: SecretServer, authority: Authority) -> None:
    async with client_of(server, authority, "guess") as client:
        with pytest.raises(exceptions.Unauthenticated):
            await client.access_secret_version(name=f"{KEYSET}/versions/1")


async def test_reader_may_not_write(server: SecretServer, authority: Authority) -> None:
    async with client_of(server, authority, "t-vault") as vault:
        with pytest.raises(exceptions.PermissionDenied):
            await vault.add_secret_version(parent=KEYSET, payload=types.SecretPayload(data=b"x"))
        with pytest.raises(exceptions.PermissionDenied):
            await vault.destroy_secret_version(name=f"{KEYSET}/versions/1")


async def test_states_of_a_version(server: SecretServer, authority: Authority, settings: SecretSettings) -> None:
    first = f"{KEYSET}/versions/1"
    async with client_of(server, authority, "t-admin") as admin, client_of(server, authority, "t-vault") as vault:
        await admin.disable_secret_version(name=first)
        with pytest.raises(exceptions.FailedPrecondition, match="DISABLED"):
            await vault.access_secret_version(name=first)
        await admin.enable_secret_version(name=first)
        assert (await vault.access_secret_version(name=first)).payload.data == b"first"
        await admin.destroy_secret_version(name=first)
        with pytest.raises(exceptions.FailedPrecondition, match="destroyed"):
            await admin.enable_secret_version(name=first)
        states = [v.state.name async for v in await admin.list_secret_versions(parent=KEYSET)]
    assert states == ["ENABLED", "DESTROYED"]
    assert "Zmlyc3Q" not in settings.file.read_text()  # base64 of "first"


async def test_where_it_is_mounted_the_latest_version_is_seen_as_long_as_it_can_be_read(
    settings: SecretSettings, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "mounted" / "vault-keyset" / "latest"
    mounting = replace(settings, mounts={KEYSET: file})
    async with await SecretServer.start(mounting) as running, client_of(running, authority, "t-admin") as admin:
        assert not file.exists()
        await admin.create_secret(parent=PROJECT, secret_id="vault-keyset", secret=types.Secret())
        assert not file.exists()
        for payload in (b"first", b"second"):
            await admin.add_secret_version(parent=KEYSET, payload=types.SecretPayload(data=payload))
            assert file.read_bytes() == payload
        assert file.stat().st_mode & 0o777 == 0o600
        await admin.disable_secret_version(name=f"{KEYSET}/versions/2")
        assert not file.exists()
        await admin.enable_secret_version(name=f"{KEYSET}/versions/2")
        assert file.read_bytes() == b"second"
    file.unlink()
    async with await SecretServer.start(mounting):
        assert file.read_bytes() == b"second"


async def test_refusals(server: SecretServer, authority: Authority) -> None:
    async with client_of(server, authority, "t-admin") as admin:
        with pytest.raises(exceptions.AlreadyExists):
            await admin.create_secret(parent=PROJECT, secret_id="vault-keyset", secret=types.Secret())
        with pytest.raises(exceptions.NotFound):
            await admin.get_secret(name=f"{PROJECT}/secrets/never-made")
        with pytest.raises(exceptions.InvalidArgument, match="data_crc32c"):
            await admin.add_secret_version(parent=KEYSET, payload=types.SecretPayload(data=b"x", data_crc32c=1))
        with pytest.raises(exceptions.InvalidArgument):
            await admin.add_secret_version(parent=KEYSET, payload=types.SecretPayload(data=b"x" * 65_537))


async def test_secrets_survive_a_restart_in_an_owner_only_file(
    server: SecretServer, settings: SecretSettings, authority: Authority
) -> None:
    await server.stop()
    assert settings.file.stat().st_mode & 0o777 == 0o600
    async with await SecretServer.start(settings) as again, client_of(again, authority, "t-vault") as vault:
        assert (await vault.access_secret_version(name=f"{KEYSET}/versions/1")).payload.data == b"first"


async def test_client_without_the_authority_does_not_connect(server: SecretServer, tmp_path: Path) -> None:
    stranger = Authority.open(tmp_path / "other")
    async with client_of(server, stranger, "t-vault") as client:
        with pytest.raises((exceptions.ServiceUnavailable, exceptions.DeadlineExceeded, exceptions.RetryError)):
            await client.access_secret_version(name=f"{KEYSET}/versions/1", timeout=2.0, retry=None)

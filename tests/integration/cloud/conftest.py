"""The stand-ins of one machine for object storage and secrets, over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from google.cloud.secretmanager_v1 import SecretManagerServiceAsyncClient, types
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)

from cloud import Endpoint
from cloud.objects import GoogleObjects
from local.secrets import SecretPolicy, SecretServer, SecretSettings
from local.storage import StorageServer, StorageSettings
from local.tls import Authority

PROJECT = "callmine-test"
BUCKET = "callmine-calls"
SECRET = "clerk-webhook-secret"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "tls")


@pytest.fixture
def storage(tmp_path: Path, authority: Authority) -> Iterator[StorageServer]:
    settings = StorageSettings(tmp_path / "objects", authority.server("storage"), buckets=(BUCKET,))
    with StorageServer.start(settings) as running:
        yield running


@pytest.fixture
async def store(storage: StorageServer, authority: Authority) -> AsyncIterator[GoogleObjects]:
    endpoint = Endpoint(address=storage.endpoint, ca_file=authority.ca_file)
    store = GoogleObjects(bucket=BUCKET, endpoint=endpoint)
    yield store
    await store.close()


async def add_version(server: SecretServer, authority: Authority, name: str, payload: bytes) -> None:
    """A new version of `name`, which is made if it does not exist."""
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(authority.ca_pem), grpc.access_token_call_credentials("t-admin")
    )
    async with grpc.aio.secure_channel(server.address, credentials) as channel:
        admin = SecretManagerServiceAsyncClient(transport=SecretManagerServiceGrpcAsyncIOTransport(channel=channel))
        parent = f"projects/{PROJECT}"
        if len(payload) and payload.endswith(b"1"):
            await admin.create_secret(parent=parent, secret_id=name, secret=types.Secret())
        await admin.add_secret_version(parent=f"{parent}/secrets/{name}", payload=types.SecretPayload(data=payload))


@pytest.fixture
async def secret_server(tmp_path: Path, authority: Authority) -> AsyncIterator[SecretServer]:
    policy = SecretPolicy(
        tokens={"t-admin": "admin@p", "t-ingest": "ingest@p", "t-audit": "audit@p"},
        accessors={f"projects/{PROJECT}/secrets/{name}": frozenset({"ingest@p"}) for name in (SECRET, "none-yet")},
        admins=frozenset({"admin@p"}),
    )
    settings = SecretSettings(tmp_path / "s" / "secrets.json", authority.server("secrets"), policy=policy)
    async with await SecretServer.start(settings) as running:
        await add_version(running, authority, SECRET, b"version 1")
        yield running

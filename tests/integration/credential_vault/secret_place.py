"""Putting secrets into the Secret Manager that the vault reads from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """A running Secret Manager."""

    address: str
    ca_file: Path

    async def put(self, name: str, value: bytes) -> None:
        """Make `value` the latest version of the secret `name`."""
        credentials = grpc.ssl_channel_credentials(root_certificates=self.ca_file.read_bytes())
        async with grpc.aio.secure_channel(self.address, credentials) as channel:
            transport = SecretManagerServiceGrpcAsyncIOTransport(channel=channel)
            client = secretmanager_v1.SecretManagerServiceAsyncClient(transport=transport)
            parent = "projects/callmine-test"
            kept = secretmanager_v1.Replication(automatic=secretmanager_v1.Replication.Automatic())
            secret = secretmanager_v1.Secret(replication=kept)
            await client.create_secret(parent=parent, secret_id=name, secret=secret)
            payload = secretmanager_v1.SecretPayload(data=value)
            await client.add_secret_version(parent=f"{parent}/secrets/{name}", payload=payload)

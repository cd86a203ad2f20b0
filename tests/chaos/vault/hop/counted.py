"""Cloud KMS and Secret Manager that count what they are asked; they run beside the measurement, in its own process."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)

from cloud.endpoint import Endpoint
from cloud.kms import GoogleKms
from cloud.secrets import GoogleSecrets
from credential_vault.encryption.keyset import Keyset
from credential_vault.encryption.source import KeysetSecret
from local.kms import KmsServer, KmsSettings
from local.rpc import Call
from local.secrets import SecretServer, SecretSettings
from local.stack.environment import PROJECT
from local.tls import Authority

KMS_KEY = f"projects/{PROJECT}/locations/europe-west3/keyRings/vault/cryptoKeys/keyset"

_KEYSET, _SHREDDED = "vault-keyset", "vault-shredded"


class _Kms(KmsServer):
    """Each call asks first whether it is allowed."""

    counts: Counter[str]

    def _check(self, call: Call, action: str, key: str) -> None:
        self.counts[action] += 1
        super()._check(call, action, key)


class _Secrets(SecretServer):
    counts: Counter[str]

    def _check(self, call: Call, action: str, secret: str) -> None:
        self.counts[action] += 1
        super()._check(call, action, secret)


@dataclass(slots=True)
class Counted:
    """What was asked so far, by action."""

    kms_address: str
    secrets_address: str
    kms: Counter[str] = field(default_factory=Counter)
    secrets: Counter[str] = field(default_factory=Counter)

    def settings(self) -> dict[str, str]:
        """What the vault is told, so that it asks these two. Nobody connects by OAuth here: its clients' secrets are not there."""
        told = {"kms_endpoint": self.kms_address, "vault_kms_key": KMS_KEY, "secrets_endpoint": self.secrets_address}
        # No file is found there: what it reads is asked for, and counted.
        told["secrets_folder"] = "/nothing/mounted"
        return told | {f"{provider}_client_id": "" for provider in ("gong", "hubspot", "slack")}


@asynccontextmanager
async def counted(directory: Path, authority: Authority) -> AsyncIterator[Counted]:
    """Both, running, with a keyset that the key of KMS has wrapped."""
    certificate = authority.server("counted")
    kms_settings = KmsSettings(directory / "counted-kms.json", certificate, (KMS_KEY,))
    secret_settings = SecretSettings(directory / "counted-secrets.json", certificate)
    async with await _Kms.start(kms_settings) as kms, await _Secrets.start(secret_settings) as secrets:
        found = Counted(kms.address, secrets.address)
        kms.counts, secrets.counts = found.kms, found.secrets
        await _fill(found, authority)
        found.kms.clear()
        found.secrets.clear()
        yield found


async def _fill(found: Counted, authority: Authority) -> None:
    """Put in what the vault reads at its start."""
    secrets = GoogleSecrets(
        project=PROJECT, endpoint=Endpoint(address=found.secrets_address, ca_file=authority.ca_file)
    )
    kms = GoogleKms(Endpoint(address=found.kms_address, ca_file=authority.ca_file))
    try:
        await _create(found.secrets_address, authority, _KEYSET, _SHREDDED)
        await secrets.add_version(_SHREDDED, b"[]")
        await KeysetSecret(secrets, kms, KMS_KEY).write(Keyset.generate())
    finally:
        await kms.close()
        await secrets.close()


async def _create(address: str, authority: Authority, *names: str) -> None:
    credentials = grpc.ssl_channel_credentials(root_certificates=authority.ca_pem)
    async with grpc.aio.secure_channel(address, credentials) as channel:
        transport = SecretManagerServiceGrpcAsyncIOTransport(channel=channel)
        client = secretmanager_v1.SecretManagerServiceAsyncClient(transport=transport)
        secret = secretmanager_v1.Secret(replication={"automatic": {}})
        for name in names:
            await client.create_secret(parent=f"projects/{PROJECT}", secret_id=name, secret=secret, timeout=10)

"""A vault's database and its secrets, with what another process of the vault needs to be told of both."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.vault.renewal.postgres import vault_database
from cloud import Endpoint
from cloud.secrets import GoogleSecrets
from contracts.sealing import SealingKey
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.source import KeysetSecret
from credential_vault.settings import Settings
from database import Database, DatabaseSettings, Queries
from integration.credential_vault.secret_place import SecretPlace
from local.postgres import ServiceDsns
from local.postgres.connection import Connection, connected
from local.secrets import SecretServer, SecretSettings
from local.tls import Authority
from testkit.postgres import ROOT
from testkit.services import environment_for
from testkit.tables import same_database

_SERVICE = "credential-vault"
_PROJECT = "callmine-test"


@dataclass(frozen=True, slots=True)
class Bench:
    """`db` has pools as large as the service's; `environment` is for its command line, which may write into `folder`."""

    db: Database
    admin: Connection
    secret: KeysetSecret
    environment: Mapping[str, str]
    folder: Path

    async def keyring(self) -> Keyring:
        """The keyring of one more process."""
        return await Keyring.open(self.secret)


@asynccontextmanager
async def bench_in(admin_url: str) -> AsyncIterator[Bench]:
    """A bench with a new keyset and nothing in its database; nothing is left of it at the end."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callmine-rewrap-")))
        authority = Authority.open(folder / "tls")
        settings = SecretSettings(folder / "secrets.json", authority.server("secrets"))
        server = await stack.enter_async_context(await SecretServer.start(settings))
        place = SecretPlace(server.address.replace("127.0.0.1", "localhost"), authority.ca_file)
        await place.put("vault-keyset", Keyring.generate().encode())
        await place.put("vault-shredded", b"[]")
        endpoint = Endpoint(address=place.address, ca_file=place.ca_file)
        secrets = GoogleSecrets(project=_PROJECT, endpoint=endpoint, kept_seconds=0)
        stack.push_async_callback(secrets.close)
        dsns = await stack.enter_async_context(vault_database(admin_url, "proof-rewrap"))
        queries = Queries.of("database", "messaging", "credential_vault")
        db = await Database.open(DatabaseSettings(dsns.app, dsns.sweep), queries, _SERVICE)
        stack.push_async_callback(db.close)
        admin = await stack.enter_async_context(connected(same_database(admin_url, dsns)))
        yield Bench(db, admin, KeysetSecret(secrets), environment_for(_settings(dsns, place)), folder)


def _settings(dsns: ServiceDsns, secrets: SecretPlace) -> Settings:
    """All that the service wants to be told; what leads nowhere here is not used by its keys' commands."""
    given: dict[str, object] = {
        "project": _PROJECT,
        "port": 0,
        "app_database_url": dsns.app,
        "sweep_database_url": dsns.sweep,
        "ca_file": secrets.ca_file,
        "secrets_endpoint": secrets.address,
        "pubsub_endpoint": "localhost:1",
        "bucket": "calls",
        "topology_file": ROOT / "deploy/topology.yaml",
        "clerk_issuer": "https://clerk.callmine.example",
        "clerk_jwks_url": "https://clerk.callmine.example/.well-known/jwks.json",
        "clerk_authorized_parties": "https://callmine.example",
        "sign_in_url": "https://clerk.callmine.example/sign-in",
        "public_url": "https://callmine.example",
        "ingest_sealing_public_key": SealingKey.generate().public_text(),
        "analysis_sealing_public_key": SealingKey.generate().public_text(),
        "audit_sealing_public_key": SealingKey.generate().public_text(),
    }
    return Settings.model_validate(given)

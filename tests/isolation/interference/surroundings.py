"""What surrounds both worlds: the sandbox's Gong and Clerk over TLS, a Secret Manager, migrated databases to copy from."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from audit.log.note import Signer
from contract.sandbox.stage import CLERK_KEY, WEBHOOK_SECRET, Stage
from contracts.sealing import SealingKey
from credential_vault.encryption.keyring import Keyring
from database import MigrationSettings, migrate
from integration.credential_vault.secret_place import SecretPlace
from local.postgres import ServiceDsns, clone, drop, provision
from local.postgres.connection import connected
from local.sandbox.clerk.keys import new_key
from local.sandbox.server import running
from local.secrets import SecretServer, SecretSettings
from local.tls import ServerCertificate
from testkit.outside import CERTIFICATE_KEY, ERASURE_LINK_KEY, Outside
from testkit.postgres import PASSWORDS, migration_folders

LOG_KEY = Signer.text("callmine.ai/audit", bytes(32))
AUDIT_KEY = SealingKey.generate()
LINK_KEY = "a link key of at least thirty-two characters"

SERVICES = ("ingest", "analysis", "credential-vault", "audit", "retention")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a world is opened in."""

    admin_url: str
    outside: Outside
    secrets: SecretPlace
    ingest_key: SealingKey
    analysis_key: SealingKey
    templates: Mapping[str, str]

    @asynccontextmanager
    async def databases(self, name: str) -> AsyncIterator[dict[str, ServiceDsns]]:
        """A fresh database for each service; dropped at the end."""
        made: dict[str, ServiceDsns] = {}
        try:
            for service, template in self.templates.items():
                made[service] = await clone(self.admin_url, service, f"{template}-{name}", PASSWORDS, template)
                await self._hurry(made[service])
            yield made
        finally:
            for service in made:
                await drop(self.admin_url, f"{self.templates[service]}-{name}")

    async def _hurry(self, dsns: ServiceDsns) -> None:
        """Let commits not wait for the disk: nothing dies here."""
        async with connected(self.admin_url) as connection:
            await connection.execute(f'ALTER DATABASE "{urlsplit(dsns.owner).path[1:]}" SET synchronous_commit = off')

    def admin_of(self, dsns: ServiceDsns) -> str:
        """The server's administrator in a service's database."""
        return urlsplit(self.admin_url)._replace(path=urlsplit(dsns.owner).path).geturl()


@asynccontextmanager
async def surroundings(admin_url: str) -> AsyncIterator[Surroundings]:
    """All of it, for the length of the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callmine-interference-")))
        outside = await stack.enter_async_context(_outside(folder))
        keys = SealingKey.generate(), SealingKey.generate()
        secrets = await stack.enter_async_context(_secrets(outside, *keys))
        templates = await stack.enter_async_context(_templates(admin_url))
        yield Surroundings(admin_url, outside, secrets, *keys, templates)


@asynccontextmanager
async def _outside(folder: Path) -> AsyncIterator[Outside]:
    """A sandbox with few calls and no limits: what a company's Gong allows is no matter between workspaces."""
    google, stage = new_key(), Stage(folder, trustme.CA())
    certificates = folder / "google.json"
    certificates.write_text(json.dumps({"keys": [google.public_jwk()]}))
    async with running(stage.settings(google_certs_file=certificates, gong=stage.gong(page_size=100))) as sandbox:
        yield Outside(sandbox, folder / "ca.pem", folder, google)


@asynccontextmanager
async def _secrets(outside: Outside, ingest_key: SealingKey, analysis_key: SealingKey) -> AsyncIterator[SecretPlace]:
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    async with await SecretServer.start(SecretSettings(outside.folder / "secrets.json", certificate)) as server:
        place = SecretPlace(server.address.replace("127.0.0.1", "localhost"), outside.ca_file)
        await place.put("vault-keyset", Keyring.generate().encode())
        await place.put("ingest-sealing-key", ingest_key.private_text().encode())
        await place.put("analysis-sealing-key", analysis_key.private_text().encode())
        await place.put("audit-sealing-key", AUDIT_KEY.private_text().encode())
        await place.put("analysis-link-key", LINK_KEY.encode())
        await place.put("audit-log-key", LOG_KEY.encode())
        await place.put("erasure-certificate-key", CERTIFICATE_KEY.encode())
        await place.put("erasure-link-key", ERASURE_LINK_KEY.encode())
        for sender in ("clerk", "stripe", "hubspot", "slack"):
            await place.put(f"{sender}-webhook-secret", WEBHOOK_SECRET.encode())
        await place.put("clerk-secret-key", CLERK_KEY.encode())
        yield place


@asynccontextmanager
async def _templates(admin_url: str) -> AsyncIterator[dict[str, str]]:
    made: dict[str, str] = {}
    run = uuid.uuid4().hex[:8]
    try:
        for service in SERVICES:
            name = f"apart-{service}-r{run}"
            dsns = await provision(admin_url, service, PASSWORDS, name)
            made[service] = name
            migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders(service)))
        yield made
    finally:
        for name in made.values():
            await drop(admin_url, name)

"""The senders' secrets are at hand before a webhook comes, so that none waits for Secret Manager."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cloud import Endpoint
from cloud.secrets import KEPT_SECONDS, GoogleSecrets
from ingest.workers.upkeep import keep_secrets
from integration.credential_vault.secret_place import SecretPlace
from integration.ingest.senders import SECRETS
from local.secrets import SecretServer, SecretSettings
from local.tls import ServerCertificate
from testkit.clock import SimulatedClock
from testkit.outside import Outside


class Waiting(SimulatedClock):
    """Says when somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: asyncio.Queue[float] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.rounds.put_nowait(seconds)
        await super().sleep(seconds)


async def test_secrets_are_read_before_they_are_asked_for_and_again_before_they_are_too_old(
    tmp_path: Path, outside: Outside
) -> None:
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    clock = Waiting()
    async with await SecretServer.start(SecretSettings(tmp_path / "secrets.json", certificate)) as server:
        place = SecretPlace(server.address.replace("127.0.0.1", "localhost"), outside.ca_file)
        # Stripe is not set up yet: the others are read all the same.
        for sender in ("clerk", "hubspot", "slack"):
            await place.put(f"{sender}-webhook-secret", SECRETS[sender].encode())
        endpoint = Endpoint(address=place.address, ca_file=place.ca_file)
        secrets = GoogleSecrets(project="callmine-test", endpoint=endpoint, clock=clock)
        keeping = asyncio.create_task(keep_secrets(secrets, clock))
        async with asyncio.timeout(60):
            assert await clock.rounds.get() < KEPT_SECONDS / 2
            await place.put("stripe-webhook-secret", SECRETS["stripe"].encode())
            await clock.advance(KEPT_SECONDS / 2)
            await clock.rounds.get()
        keeping.cancel()
    # Secret Manager is away now, and the first reading is older than a secret is kept.
    await clock.advance(KEPT_SECONDS * 0.6)
    for sender, secret in SECRETS.items():
        assert await secrets.read(f"{sender}-webhook-secret") == secret.encode()
    await secrets.close()

"""The outside world of a test: the sandbox's Gong and Clerk over TLS, and Google's keys for pushed messages."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import trustme

from contracts.sealing import SealingKey
from local.sandbox.clerk.keys import SigningKey, kept_key, new_key
from local.sandbox.clerk.people import HARBORLINE, PEOPLE, QUILLSTONE, Organization, Person
from local.sandbox.clerk.tokens import Mint, TokenOptions, new_session
from local.sandbox.clock import SystemClock
from local.sandbox.server import RunningSandbox, running
from local.sandbox.settings import SandboxSettings
from local.secrets.server import SecretServer, SecretSettings
from local.secrets.vaultfile import Secret, SecretFile, State, Version
from local.tls import ServerCertificate

# Where the tests' browser is; session tokens are made for it.
ORIGIN = "http://127.0.0.1:8080"

GONG_PAIRS = {
    HARBORLINE.slug: ("harborline-access-key-7QX", "harborline-access-secret-9ZK"),
    QUILLSTONE.slug: ("quillstone-access-key-3WB", "quillstone-access-secret-5HD"),
}

# Callmine as each provider's OAuth server knows it: client id and secret.
OAUTH_CLIENTS = {name: (f"callmine-{name}", f"client-secret-of-{name}-4TQ") for name in ("gong", "hubspot", "slack")}

# What opens the sandbox's Stripe, and lies in Secret Manager for retention.
STRIPE_KEY = "sk_test_in-tests-6FD"

ADMIN, MEMBER, OTHER_ADMIN = PEOPLE[0], PEOPLE[1], PEOPLE[2]

# What signs the audit service's checkpoints, as `audit.log.note` reads it: the seed is 32 zero bytes.
LOG_KEY = "PRIVATE+KEY+callmine.ai/audit+2348d130+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

# What signs certificates of erasures, written likewise, and what signs the links to them.
CERTIFICATE_KEY = "PRIVATE+KEY+callmine.ai/erasures+0ea669f7+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
ERASURE_LINK_KEY = "link-key-of-erasures-in-tests-9RW"

# What grants to the audit service are sealed to.
AUDIT_SEALING_KEY = SealingKey.generate()

PUSHER = "pubsub-push@callmine-test.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Outside:
    """A running sandbox and what a test needs to be believed by those who trust it."""

    running: RunningSandbox
    ca_file: Path
    folder: Path
    google: SigningKey
    # Where Secret Manager is that has what every audit service needs; a test with secrets of its own starts its own.
    secrets_address: str = ""

    @property
    def url(self) -> str:
        """Where the sandbox is, without a closing slash."""
        return self.running.url

    @property
    def issuer(self) -> str:
        """The issuer of session tokens."""
        return self.running.sandbox.settings.issuer

    @property
    def siem_url(self) -> str:
        """The customer's own endpoint for the audit log."""
        return f"{self.url}/siem"

    @property
    def gong_url(self) -> str:
        """Gong's address."""
        return f"{self.url}/gong"

    def token(
        self,
        person: Person = ADMIN,
        organization: Organization = HARBORLINE,
        *,
        key: SigningKey | None = None,
        origin: str = ORIGIN,
        options: TokenOptions = TokenOptions(),  # noqa: B008 - frozen
    ) -> str:
        """A session token; signed by Clerk's own key unless another is given."""
        mint = Mint(key or self.clerk_key(), self.issuer, 60, SystemClock())
        return mint.session_token(new_session(person, organization), origin, options)

    def clerk_key(self) -> SigningKey:
        """The key that Clerk publishes."""
        return kept_key(self.running.sandbox.settings.data_dir)

    def push_token(self, audience: str, email: str = PUSHER) -> str:
        """An identity token as Pub/Sub shows when it pushes."""
        now = int(time.time())
        claims: dict[str, object] = {"iss": "https://accounts.google.com", "aud": audience, "iat": now, "exp": now + 60}
        return self.google.sign(claims | {"email": email, "email_verified": True})


@pytest.fixture(scope="session")
async def outside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    """One sandbox for a test run, without rate limits."""
    folder = tmp_path_factory.mktemp("outside")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(folder / "ca.pem")
    google = new_key()
    (folder / "google.json").write_text(json.dumps({"keys": [google.public_jwk()]}))
    kept = SecretFile(folder / "secrets.json")
    texts = {
        "audit-log-key": LOG_KEY,
        "audit-sealing-key": AUDIT_SEALING_KEY.private_text(),
        "stripe-secret-key": STRIPE_KEY,
        "erasure-certificate-key": CERTIFICATE_KEY,
        "erasure-link-key": ERASURE_LINK_KEY,
    }
    for name, text in texts.items():
        version = Version(time.time(), State.ENABLED, text.encode())
        kept.put(f"projects/callmine-test/secrets/{name}", Secret(time.time(), versions=(version,)))
    certificate = ServerCertificate(folder / "cert.pem", folder / "key.pem")
    async with (
        running(_settings(folder)) as sandbox,
        await SecretServer.start(SecretSettings(folder / "secrets.json", certificate)) as secrets,
    ):
        yield Outside(sandbox, folder / "ca.pem", folder, google, secrets.address)


def _settings(folder: Path) -> SandboxSettings:
    tenants = [
        {"workspace": name, "access_key": key, "access_key_secret": secret}
        for name, (key, secret) in GONG_PAIRS.items()
    ]
    return SandboxSettings.model_validate(
        {
            "tls": {"certificate": folder / "cert.pem", "key": folder / "key.pem", "trusted_ca": folder / "ca.pem"},
            "data_dir": folder / "data",
            "admin_token": "admin-token-in-tests",
            "gong": {"tenants": tenants, "requests_per_second": None},
            "models": {"openai_api_key": "sk-openai-in-tests", "anthropic_api_key": "sk-ant-in-tests"},
            "oauth": {name: {"clients": [_client(name)]} for name in OAUTH_CLIENTS},
            "stripe": {"secret_key": STRIPE_KEY},
            "google_certs_file": folder / "google.json",
        }
    )


def _client(provider: str) -> dict[str, object]:
    client_id, secret = OAUTH_CLIENTS[provider]
    redirects = [f"{ORIGIN}/oauth/{provider}/callback"]
    return {"client_id": client_id, "client_secret": secret, "redirect_uris": redirects}


def browser(app: httpx.ASGITransport, token: str | None) -> httpx.AsyncClient:
    """A browser on one of our pages, with its session in a cookie; None is signed out."""
    cookies = {"__session": token} if token else None
    headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    return httpx.AsyncClient(transport=app, base_url=ORIGIN, cookies=cookies, headers=headers)


def program(app: httpx.ASGITransport, token: str | None) -> httpx.AsyncClient:
    """A client of the API, with its session in a header."""
    headers = {"authorization": f"Bearer {token}"} if token else None
    return httpx.AsyncClient(transport=app, base_url=ORIGIN, headers=headers)

"""What each service is told on one machine: the same variables as in the cloud, with local endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import registry
from contracts.sealing import SealingKey
from local.postgres import ServiceDsns
from local.stack.keys import OAUTH_PROVIDERS, WEBHOOK_SENDERS, Keys
from local.stack.ports import Ports
from local.tls import Authority
from messaging.topology import Topology

PROJECT = "callmine-local"
BUCKET = "callmine-calls"
ADMIN = f"local-admin@{PROJECT}.iam.gserviceaccount.com"

OPERATOR = f"operator@{PROJECT}.iam.gserviceaccount.com"

# Our staff on this machine; `callmine staff-token` makes their identity tokens, as gcloud does in the cloud.
STAFF = ("ada@callmine.example", "grace@callmine.example")
STAFF_AUDIENCE = "callmine-staff"

# Which secret is read by which services; nobody else's token opens it.
SECRET_READERS = {
    "vault-keyset": ("credential-vault",),
    "vault-shredded": ("credential-vault",),
    **{f"{provider}-oauth-client": ("credential-vault",) for provider in OAUTH_PROVIDERS},
    "ingest-sealing-key": ("ingest",),
    "analysis-sealing-key": ("analysis",),
    "analysis-link-key": ("analysis",),
    "audit-sealing-key": ("audit",),
    "audit-log-key": ("audit",),
    **{f"{sender}-webhook-secret": ("ingest",) for sender in ("clerk", "hubspot", *WEBHOOK_SENDERS)},
    "clerk-secret-key": ("ingest",),
    "stripe-secret-key": ("retention",),
    "erasure-certificate-key": ("retention",),
    "erasure-link-key": ("retention",),
    "openai-api-key": ("analysis",),
    "anthropic-api-key": ("analysis",),
}

# What a service reads before it is ready: it finds them as files, which take no client (Cloud Run mounts them, run.tf).
BEGUN_WITH = (
    "vault-keyset",
    "vault-shredded",
    *(f"{provider}-oauth-client" for provider in OAUTH_PROVIDERS),
    "ingest-sealing-key",
    "analysis-sealing-key",
    "analysis-link-key",
    "audit-sealing-key",
    "audit-log-key",
)

# Whoever proves signs, and no service does: the page could not make evidence for itself.
EVIDENCE_SECRET = "trust-evidence-key"  # noqa: S105 - a secret's name

# Which secrets get new versions from a service. In the cloud an operator's own account rotates the keyset, not the service's.
SECRET_ADDERS = {"vault-keyset": ("credential-vault",), "vault-shredded": ("credential-vault",)}


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything is: addresses, keys, certificates."""

    root: Path
    ports: Ports
    keys: Keys
    authority: Authority
    topology: Topology

    @property
    def url(self) -> str:
        """What a person opens."""
        return f"http://127.0.0.1:{self.ports['front-door']}"

    @property
    def sandbox_url(self) -> str:
        """Base address of the sandbox."""
        return f"https://localhost:{self.ports['sandbox']}"

    def service_url(self, service: str) -> str:
        """Base address of a service."""
        return f"https://127.0.0.1:{self.ports[service]}"

    def oauth_callback(self, provider: str) -> str:
        """Where a provider leads the browser back to."""
        return f"{self.url}/oauth/{provider}/callback"

    def account(self, service: str) -> str:
        """A service's own account."""
        return self.topology.account(service, PROJECT)

    def push_account(self) -> str:
        """Whose identity Pub/Sub shows when it pushes."""
        return f"{self.topology.push_account}@{PROJECT}.iam.gserviceaccount.com"

    def tokens(self) -> dict[str, str]:
        """Bearer tokens of all accounts."""
        services = {self.keys.service_tokens[name]: self.account(name) for name in registry.SERVICES}
        return {self.keys.admin_token: ADMIN, **services}

    def secret_policy(self) -> dict[str, object]:
        """Who may read, and add to, which secret."""
        prefix = f"projects/{PROJECT}/secrets/"
        accessors = {prefix + name: [self.account(one) for one in readers] for name, readers in SECRET_READERS.items()}
        accessors[prefix + EVIDENCE_SECRET] = [ADMIN]
        adders = {prefix + name: [self.account(one) for one in adding] for name, adding in SECRET_ADDERS.items()}
        return {"tokens": self.tokens(), "accessors": accessors, "adders": adders, "admins": [ADMIN]}

    def broker_policy(self, *, tapped: bool = False) -> dict[str, object]:
        """Who may publish to and consume what: as in the cloud, from registry and topology.

        `tapped` lets the administrator consume a subscription `tap.<topic>` beside those of the services: for tests.
        """
        access = self.topology.access(PROJECT)
        taps = {f"projects/{PROJECT}/subscriptions/tap.{topic}": [ADMIN] for topic in registry.TOPICS if tapped}
        return {
            "tokens": self.tokens(),
            "publishers": {name: sorted(accounts) for name, accounts in access.publishers.items()},
            "consumers": {name: sorted(accounts) for name, accounts in access.consumers.items()} | taps,
            "admins": [ADMIN],
        }


def variables(site: Site, service: str, dsns: ServiceDsns) -> dict[str, str]:
    """The service's environment, without the prefix CALLMINE_."""
    certificate = site.authority.server("services")
    shared = {
        "project": PROJECT,
        "port": str(site.ports[service]),
        "tls_cert": str(certificate.chain),
        "tls_key": str(certificate.key),
        "ca_file": str(site.authority.ca_file),
        "app_database_url": dsns.app,
        "sweep_database_url": dsns.sweep,
        "owner_database_url": dsns.owner,
        "pubsub_endpoint": f"127.0.0.1:{site.ports['broker']}",
        "secrets_endpoint": f"127.0.0.1:{site.ports['secrets']}",
        "storage_endpoint": f"https://127.0.0.1:{site.ports['storage']}",
        "identity_token": site.keys.service_tokens[service],
        "bucket": BUCKET,
        "topology_file": str(site.root / "deploy" / "topology.yaml"),
        "clerk_issuer": f"{site.sandbox_url}/clerk",
        "clerk_jwks_url": f"{site.sandbox_url}/clerk/.well-known/jwks.json",
        "clerk_authorized_parties": site.url,
        "sign_in_url": f"{site.url}/sandbox/clerk/sign-in",
        "switch_workspace_url": f"{site.url}/sandbox/clerk/organizations",
        "clerk_script_url": f"{site.url}/sandbox/clerk/session.js",
        "public_url": site.url,
        "push_audience": site.service_url(service),
        "push_jwks_url": f"{site.sandbox_url}/google/oauth2/v3/certs",
        "push_service_account": site.push_account(),
        "operator_service_account": OPERATOR,
        "staff_accounts": ",".join(STAFF),
        "staff_audience": STAFF_AUDIENCE,
    }
    staff = {"staff_database_url": dsns.staff} if dsns.staff else {}
    return shared | staff | _own(site, service)


def _own(site: Site, service: str) -> dict[str, str]:
    """What only this service is told."""
    if service == "credential-vault":
        public = {name: SealingKey.parse(text).public_text() for name, text in site.keys.sealing.items()}
        return {
            "gong_base_url": f"{site.sandbox_url}/gong",
            "gong_oauth_url": f"{site.sandbox_url}/gong",
            "hubspot_base_url": f"{site.sandbox_url}/hubspot",
            "slack_base_url": f"{site.sandbox_url}/slack",
            # The browser's hop: these pages are reached through the front door.
            "gong_authorize_url": f"{site.url}/sandbox/gong/oauth2/authorize",
            "hubspot_authorize_url": f"{site.url}/sandbox/hubspot/oauth/authorize",
            "slack_authorize_url": f"{site.url}/sandbox/slack/oauth/v2/authorize",
            **{f"{provider}_client_id": client["client_id"] for provider, client in site.keys.oauth.items()},
            "ingest_sealing_public_key": public["ingest"],
            "analysis_sealing_public_key": public["analysis"],
            "audit_sealing_public_key": public["audit"],
        }
    if service == "ingest":
        return {
            "gong_base_url": f"{site.sandbox_url}/gong",
            "hubspot_base_url": f"{site.sandbox_url}/hubspot",
            "clerk_api_url": f"{site.sandbox_url}/clerk/v1",
            "webhooks_url": site.service_url("ingest"),
        }
    if service == "analysis":
        return {
            "openai_base_url": f"{site.sandbox_url}/openai/v1",
            "anthropic_base_url": f"{site.sandbox_url}/anthropic",
            "slack_base_url": f"{site.sandbox_url}/slack",
        }
    if service == "retention":
        # What `make trust` wrote last, if it ever ran here.
        evidence = site.root / "build" / "trust" / "evidence.intoto.jsonl"
        return {
            "stripe_base_url": f"{site.sandbox_url}/stripe",
            "evidence_file": str(evidence),
            "evidence_keys": site.keys.evidence_public_key,
        }
    if service == "audit":
        return {"stream_sandbox_url": f"{site.sandbox_url}/siem"}
    return {}

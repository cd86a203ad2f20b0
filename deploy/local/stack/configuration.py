"""The configuration files of the stand-ins, each readable by its owner only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from cloud.secrets import MOUNTED
from contracts.registry import SERVICES
from local.stack.environment import BEGUN_WITH, BUCKET, PROJECT, SECRET_READERS, Site
from local.stack.keys import WORKSPACES

# Which instances get requests.
TRAFFIC = "traffic.json"

# The vendor's limit of 3 a second is kept; the day's is too.
_GONG_REQUESTS_PER_SECOND = 3.0


def write_configuration(
    directory: Path,
    site: Site,
    calls_file: Path | None,
    faults: Mapping[str, object] | None,
    *,
    tapped: bool,
    from_outside: bool = False,
) -> None:
    """Write everything that the stand-ins read at their start. `from_outside`: the front door is reached by way of another address."""
    files = {
        "broker-policy.json": site.broker_policy(tapped=tapped),
        "broker-faults.json": dict(faults or {}),
        "cloud.json": _cloud(directory, site),
        "sandbox.json": _sandbox(directory, site, calls_file),
        "front-door.json": _front_door(directory, site, from_outside=from_outside),
    }
    for name, content in files.items():
        path = directory / name
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file, indent=1)


def secrets_folder(directory: Path, service: str) -> Path:
    """Where a service's secrets are mounted."""
    return directory.resolve() / "mounted" / service


def _cloud(directory: Path, site: Site) -> dict[str, object]:
    certificate = site.authority.server("stand-ins")
    return {
        "certificate": str(certificate.chain),
        "key": str(certificate.key),
        "storage": str(directory.resolve() / "storage"),
        "storage_port": site.ports["storage"],
        "bucket": BUCKET,
        "secrets": str(directory.resolve() / "secrets.json"),
        "secrets_port": site.ports["secrets"],
        "policy": site.secret_policy(),
        "mounts": {
            f"projects/{PROJECT}/secrets/{name}": str(secrets_folder(directory, service) / name / MOUNTED)
            for name in BEGUN_WITH
            for service in SECRET_READERS[name]
        },
    }


def _sandbox(directory: Path, site: Site, calls_file: Path | None) -> dict[str, object]:
    certificate = site.authority.server("sandbox")
    tenants = [
        {"workspace": name, "access_key": key["access_key"], "access_key_secret": key["secret"]}
        for name, key in ((name, site.keys.gong[name]) for name in WORKSPACES)
    ]
    return {
        "port": site.ports["sandbox"],
        "tls": {
            "certificate": str(certificate.chain),
            "key": str(certificate.key),
            "trusted_ca": str(site.authority.ca_file),
        },
        "data_dir": str(directory.resolve() / "sandbox"),
        "admin_token": site.keys.admin_token,
        "gong": {"tenants": tenants, "requests_per_second": _GONG_REQUESTS_PER_SECOND},
        "models": {"openai_api_key": site.keys.openai_api_key, "anthropic_api_key": site.keys.anthropic_api_key},
        "clerk": {
            "front_door_origin": site.url,
            "webhook_url": f"{site.service_url('ingest')}/webhooks/clerk",
            "webhook_secret": site.keys.clerk_webhook_secret,
            "secret_key": site.keys.clerk_secret_key,
        },
        "oauth": _oauth(site),
        "stripe": {
            "secret_key": site.keys.stripe_secret_key,
            "webhook_url": f"{site.service_url('ingest')}/webhooks/stripe",
            "webhook_secret": site.keys.webhook_secrets["stripe"],
            "browser_url": f"{site.url}/sandbox/stripe",
            "keep": True,
        },
        "calls_file": str(calls_file.resolve()) if calls_file else None,
        "google_certs_file": str(directory.resolve() / "broker" / "jwks.json"),
    }


def _oauth(site: Site) -> dict[str, object]:
    """Callmine as each provider knows it; what they remember outlives a restart, as connections do."""
    applications: dict[str, object] = {
        name: {"clients": [{**keys, "redirect_uris": [site.oauth_callback(name)]}]}
        for name, keys in site.keys.oauth.items()
    }
    return {**applications, "keep": True}


def _front_door(directory: Path, site: Site, *, from_outside: bool) -> dict[str, object]:
    return {
        "host": "0.0.0.0" if from_outside else "127.0.0.1",  # noqa: S104 - in a container of its own
        "port": site.ports["front-door"],
        "ca_file": str(site.authority.ca_file),
        "services": {name: site.service_url(name) for name in SERVICES},
        "sandbox": site.sandbox_url,
        "traffic": str(directory.resolve() / TRAFFIC),
        # Services that run elsewhere listen at their own addresses.
        "doors": [] if from_outside else [site.ports[name] for name in SERVICES],
    }

"""Fills Secret Manager with what the services read from it, through Google's own client."""

from __future__ import annotations

import asyncio
import json
import sys

import grpc
from google.api_core import exceptions
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)

from local.stack.environment import EVIDENCE_SECRET, PROJECT, Site
from local.stack.processes import ProcessFailed


async def fill(site: Site) -> None:
    """Add each secret that is not there yet. One that is there stays: its ciphertexts depend on it."""
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(site.authority.ca_pem), grpc.access_token_call_credentials(site.keys.admin_token)
    )
    channel = grpc.aio.secure_channel(f"127.0.0.1:{site.ports['secrets']}", credentials)
    transport = SecretManagerServiceGrpcAsyncIOTransport(channel=channel)
    client = secretmanager_v1.SecretManagerServiceAsyncClient(transport=transport)
    keys = site.keys
    secrets = {
        "ingest-sealing-key": keys.sealing["ingest"],
        "analysis-sealing-key": keys.sealing["analysis"],
        "audit-sealing-key": keys.sealing["audit"],
        "analysis-link-key": keys.link_key,
        "audit-log-key": keys.log_key,
        "erasure-certificate-key": keys.certificate_key,
        "erasure-link-key": keys.erasure_link_key,
        EVIDENCE_SECRET: keys.evidence_key,
        "clerk-webhook-secret": keys.clerk_webhook_secret,
        "hubspot-webhook-secret": keys.oauth["hubspot"]["client_secret"],
        **{f"{sender}-webhook-secret": secret for sender, secret in keys.webhook_secrets.items()},
        "clerk-secret-key": keys.clerk_secret_key,
        "stripe-secret-key": keys.stripe_secret_key,
        "openai-api-key": keys.openai_api_key,
        "anthropic-api-key": keys.anthropic_api_key,
        # Nobody's keys have been destroyed yet.
        "vault-shredded": "[]",
        **{f"{provider}-oauth-client": json.dumps(client) for provider, client in keys.oauth.items()},
    }
    try:
        for name, text in secrets.items():
            await _add(client, name, text)
        if not await _is_there(client, "vault-keyset"):
            await _add(client, "vault-keyset", await _new_keyset())
    finally:
        await channel.close()


async def _new_keyset() -> str:
    """Made by the vault's own command: nothing but the vault knows Tink."""
    command = [sys.executable, "-m", "credential_vault", "keys", "new-keyset"]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    if child.returncode != 0:
        raise ProcessFailed("credential-vault could not make a keyset")
    return output.decode().strip()


async def _is_there(client: secretmanager_v1.SecretManagerServiceAsyncClient, name: str) -> bool:
    try:
        await client.get_secret(name=f"projects/{PROJECT}/secrets/{name}", timeout=10)
    except exceptions.NotFound:
        return False
    return True


async def _add(client: secretmanager_v1.SecretManagerServiceAsyncClient, name: str, text: str) -> None:
    parent = f"projects/{PROJECT}"
    try:
        await client.create_secret(
            request={"parent": parent, "secret_id": name, "secret": {"replication": {"automatic": {}}}}, timeout=10
        )
    except exceptions.AlreadyExists:
        return
    await client.add_secret_version(
        request={"parent": f"{parent}/secrets/{name}", "payload": {"data": text.encode()}}, timeout=10
    )

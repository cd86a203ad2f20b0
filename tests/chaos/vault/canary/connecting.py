"""Connects each workspace in every way there is, through the front door as its admin does; what is secret about it are the canaries.

A key pair is made by the customer. Tokens are made by the provider and handed to the vault alone, so they are read where only the vault
reads: its own row, opened with its own keyset.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import parse_qs, urlsplit

import httpx

from chaos.vault.canary.canaries import Canary
from chaos.vault.renewal.postgres import opened
from cloud.endpoint import Endpoint
from cloud.secrets import GoogleSecrets
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import Keyring
from e2e.runs import database
from local.journey import JourneyFailed, Person, connect
from local.stack import Stack
from local.stack.environment import PROJECT

_VAULT = "credential-vault"

_TOKENS = ("access_token", "refresh_token")

Way = Callable[[Person, str], Awaitable[list[Canary]]]
"""Connects a workspace to one provider; what nobody but the vault, and who may be granted it, is to know of it."""


async def gong_key(person: Person, workspace: str) -> list[Canary]:
    """Gong, with the key and secret that the workspace's admin has made there."""
    await connect(person, workspace)
    key = person.stack.site.keys.gong[workspace]
    return [Canary(f"{workspace}'s Gong {field}", key[field], "ingest") for field in ("access_key", "secret")]


async def _oauth(provider: Provider, requester: str, person: Person, workspace: str) -> list[Canary]:
    """By a consent; besides the tokens, what the browser carried on the way is secret for as long as it is good for something."""
    left = await person.call("POST", f"/oauth/{provider.value}/connect")
    address = _after(left, "refresh").partition("; url=")[2]
    asked = parse_qs(urlsplit(address).query)
    scopes = asked["scope"][0].replace(",", " ").split()
    agreed = {"decision": "allow", "account": workspace, "scope": scopes}
    location = urlsplit(_after(await person.stack.client.post(address, data=agreed), "location"))
    _after(await person.call("GET", f"{location.path}?{location.query}"), "location")
    whose = f"{workspace}'s {provider.title}"
    carried = [Canary(f"{whose} {name}", parse_qs(location.query)[name][0]) for name in ("code", "state")]
    tokens = await _tokens(person.stack, WorkspaceId(person.organization_id), provider)
    granted = Canary(f"{whose} access_token", tokens["access_token"], requester)
    return [*carried, granted, Canary(f"{whose} refresh_token", tokens["refresh_token"])]


def by_oauth(provider: Provider, requester: str = "") -> Way:
    """With a consent at `provider`; `requester` is the service that is granted the access token in a run, if any is."""
    return partial(_oauth, provider, requester)


# Nobody asks for what Slack has issued while nothing needs reconnecting: it must not leave the vault. Both have calls without a deal at
# Gong, for which ingest asks HubSpot.
WAYS: dict[str, tuple[Way, ...]] = {
    "harborline": (gong_key, by_oauth(Provider.HUBSPOT, "ingest"), by_oauth(Provider.SLACK)),
    "quillstone": (by_oauth(Provider.GONG, "ingest"), by_oauth(Provider.HUBSPOT, "ingest"), by_oauth(Provider.SLACK)),
}


def _after(answer: httpx.Response, header: str) -> str:
    """Where an answer leads. Raises JourneyFailed without quoting where to, for that may hold a code."""
    if header not in answer.headers or answer.is_error:
        raise JourneyFailed(f"{answer.request.url.path} answered {answer.status_code} without {header}")
    return str(answer.headers[header])


async def _tokens(stack: Stack, workspace_id: WorkspaceId, provider: Provider) -> dict[str, str]:
    """The tokens that the vault keeps."""
    statement = (
        "SELECT credential_id, version, access_token, refresh_token FROM credentials"
        " WHERE workspace_id = $1 AND provider = $2"
    )
    (row,) = await database(stack, _VAULT, statement, workspace_id, provider.value)
    keyring = await _keyring(stack)
    async with opened(stack.dsns[_VAULT]) as db, db.workspace(workspace_id) as tx:
        key = await keyring.data_key(tx)
    slots = {name: Slot(workspace_id, provider, row["credential_id"], row["version"], name) for name in _TOKENS}
    return {name: keyring.decrypt(key, slot, bytes(row[name])) for name, slot in slots.items()}


async def _keyring(stack: Stack) -> Keyring:
    """With the keyset as the vault reads it."""
    site = stack.site
    token = site.keys.service_tokens[_VAULT]
    place = Endpoint(address=f"127.0.0.1:{site.ports['secrets']}", ca_file=site.authority.ca_file, token=token)
    secrets = GoogleSecrets(project=PROJECT, endpoint=place)
    try:
        return Keyring((await secrets.read("vault-keyset")).decode())
    finally:
        await secrets.close()

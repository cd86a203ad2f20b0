"""The way of a browser to a provider's consent page and back, and what the sandbox's providers know of it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx

from runtime.rounds import Rounds
from testkit.outside import OAUTH_CLIENTS, ORIGIN, Outside
from testkit.services import Service

W = TypeVar("W")

ADMIN_TOKEN = {"authorization": "Bearer admin-token-in-tests"}

AUTHORIZE = {
    "gong": "/gong/oauth2/authorize",
    "hubspot": "/hubspot/oauth/authorize",
    "slack": "/slack/oauth/v2/authorize",
}


def oauth_addresses(outside: Outside) -> dict[str, object]:
    """The settings for OAuth with the sandbox's providers."""
    found: dict[str, object] = {
        "gong_oauth_url": f"{outside.url}/gong",
        "hubspot_base_url": f"{outside.url}/hubspot",
        "slack_base_url": f"{outside.url}/slack",
    }
    for name, (client_id, _) in OAUTH_CLIENTS.items():
        found[f"{name}_client_id"] = client_id
        found[f"{name}_authorize_url"] = f"{outside.url}{AUTHORIZE[name]}"
    return found


@dataclass(frozen=True, slots=True)
class Way:
    """One browser at our pages, and at one provider's."""

    browser: httpx.AsyncClient
    world: httpx.AsyncClient
    provider: str

    async def leave(self) -> str:
        """Press Connect: the address of the consent page."""
        answer = await self.browser.post(f"/oauth/{self.provider}/connect")
        assert answer.status_code == 200, answer.text
        seconds, _, address = answer.headers["refresh"].partition("; url=")
        assert seconds == "0"
        return address

    async def decide(
        self, address: str, decision: str = "allow", account: str = "harborline", without: Sequence[str] = ()
    ) -> str:
        """Allow or Cancel there: the address that the browser is led back to."""
        asked = parse_qs(urlsplit(address).query)["scope"][0].replace(",", " ").split()
        form = {"decision": decision, "account": account, "scope": [one for one in asked if one not in without]}
        answer = await self.world.post(address, data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def back(self, location: str) -> httpx.Response:
        """Come back with what the provider sent along."""
        return await self.browser.get(location.removeprefix(ORIGIN))

    async def connect(self, **how: object) -> httpx.Response:
        """All the way."""
        return await self.back(await self.decide(await self.leave(), **how))  # type: ignore[arg-type]

    async def rules(self, **changes: object) -> None:
        """Change how the provider behaves; nothing given resets it."""
        path = f"/_oauth/{self.provider}/rules"
        method = "PATCH" if changes else "DELETE"
        answer = await self.world.request(method, path, json=changes or None, headers=ADMIN_TOKEN)
        assert answer.is_success, answer.text

    async def families(self) -> list[dict[str, object]]:
        """What the provider knows of the consents it was given, oldest first."""
        report = (await self.world.get("/_oauth", headers=ADMIN_TOKEN)).json()
        found: list[dict[str, object]] = report[self.provider]["families"]
        return found


def worker(service: Service, kind: type[W]) -> W:
    """The service's own worker of that kind, as its composition root made it."""
    rounds = [work.__self__.rounds for work in service.parts._works if isinstance(work.__self__, Rounds)]  # type: ignore[attr-defined]
    return next(one for some in rounds for one in some if isinstance(one, kind))


@asynccontextmanager
async def world_of(outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the sandbox."""
    trust = ssl.create_default_context(cafile=outside.ca_file)
    async with httpx.AsyncClient(base_url=outside.url, verify=trust, trust_env=False) as client:
        yield client

"""Pages and API of the integrations: `/settings/integrations`, `/api/v1/integrations`. For admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, Field, SecretStr

from core.errors import CallmineError, InvalidInput, NotFound
from credential_vault.domain.connections import beyond
from credential_vault.domain.credentials import LONGEST_KEY, BasicPair, Integration, Provider, State, gong_base_url
from credential_vault.domain.revocations import RevocationLine
from credential_vault.handlers.connecting import Connecting
from credential_vault.providers.gong_key import verify
from credential_vault.providers.port import OAuthProvider
from credential_vault.store import credentials as store
from credential_vault.store.revocations import latest_revocations
from database import Database
from egress import Egress
from web import Pages, Scope, Session, admin, idempotent, needs
from web.routes import new_router

PAGE = "/settings/integrations"

# What an empty field of the form holds; the check of the pair then says what is missing.
NOTHING = SecretStr("")

Admin = Annotated[Session, Depends(admin)]


class GongKey(BaseModel):
    """A Gong access key with its secret, as a client sends it."""

    access_key: SecretStr = Field(max_length=LONGEST_KEY)
    secret: SecretStr = Field(max_length=LONGEST_KEY)
    base_url: str = Field(default="", max_length=200)


class IntegrationState(BaseModel):
    """What a client is told about an integration."""

    provider: str
    status: str
    base_url: str


class Integrations(Struct, frozen=True):
    """What the routes need."""

    db: Database
    connecting: Connecting
    egress: Egress
    oauth: Mapping[Provider, OAuthProvider]

    async def connect_gong(self, session: Session, key: GongKey) -> IntegrationState:
        """Check the key with Gong, outside any transaction, then store it and tell everybody."""
        pair = BasicPair.parse(key.access_key.get_secret_value(), key.secret.get_secret_value())
        base_url = gong_base_url(key.base_url, self.connecting.address(Provider.GONG, ""))
        await verify(self.egress, pair, self.connecting.address(Provider.GONG, base_url))
        async with self.db.workspace(session.workspace_id) as tx:
            change = await self.connecting.connect_pair(tx, Provider.GONG, pair, base_url, session.actor)
        return IntegrationState(provider=Provider.GONG, status=State.CONNECTED, base_url=change.base_url)

    async def disconnect(self, session: Session, provider: Provider) -> None:
        """Forget a credential. Raises NotFound when none is connected."""
        async with self.db.workspace(session.workspace_id) as tx:
            if await self.connecting.disconnect(tx, provider, session.actor) is None:
                raise NotFound(f"{provider.title} is not connected.")

    async def all_of(self, session: Session) -> list[Integration]:
        """Each provider's integration, connected or not."""
        async with self.db.workspace(session.workspace_id) as tx:
            known = {item.provider: item for item in await store.integrations(tx)}
        found = [known.get(provider, Integration(provider, State.NEW)) for provider in Provider]
        return [replace(item, base_url=self.connecting.address(item.provider, item.base_url)) for item in found]

    def beyond(self, item: Integration) -> tuple[str, ...]:
        """The scopes that a provider granted without having been asked for."""
        oauth = self.oauth.get(item.provider)
        return () if oauth is None else beyond(oauth.scopes, item.scopes)

    async def revocations(self, session: Session) -> dict[Provider, RevocationLine]:
        """What became of the credentials that were let go: one line a provider, where there is any."""
        async with self.db.workspace(session.workspace_id) as tx:
            return {line.provider: line for line in await latest_revocations(tx)}


class IntegrationsPage(Struct, frozen=True):
    """The page, with what went wrong on the way to it."""

    pages: Pages
    integrations: Integrations

    async def page(
        self,
        request: Request,
        session: Session,
        *,
        status: int = 200,
        about: Provider = Provider.GONG,
        problem: str = "",
        base_url: str = "",
    ) -> Response:
        """The page as it is now; `problem` is `about` one provider, `base_url` what was in the form."""
        found = await self.integrations.all_of(session)
        items = [item for item in found if item.provider is not Provider.SIEM]  # it has a page of its own
        return self.pages.render(
            request,
            "integrations.html",
            session,
            status_code=status,
            items=items,
            revocations=await self.integrations.revocations(session),
            set_up=frozenset(self.integrations.oauth),
            beyond={item.provider: self.integrations.beyond(item) for item in items},
            about=about,
            problem=problem,
            base_url=base_url,
        )


def router(integrations: Integrations) -> APIRouter:
    """The routes."""
    routes = new_router()
    _add_pages(routes, integrations)
    _add_api(routes, integrations)
    return routes


def _add_pages(routes: APIRouter, integrations: Integrations) -> None:
    shown = IntegrationsPage(Pages("credential_vault"), integrations).page

    @routes.get(PAGE)
    async def page(request: Request, session: Admin) -> Response:
        return await shown(request, session)

    @routes.post(f"{PAGE}/gong")
    async def connect(
        request: Request,
        session: Admin,
        access_key: Annotated[SecretStr, Form(max_length=LONGEST_KEY)] = NOTHING,
        secret: Annotated[SecretStr, Form(max_length=LONGEST_KEY)] = NOTHING,
        base_url: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        key = GongKey(access_key=access_key, secret=secret, base_url=base_url)
        try:
            await integrations.connect_gong(session, key)
        except CallmineError as error:
            return await shown(request, session, status=error.status, problem=str(error), base_url=base_url)
        return RedirectResponse(PAGE, status_code=303)

    @routes.post(f"{PAGE}/{{provider}}/disconnect")
    async def disconnect(session: Admin, provider: str) -> Response:
        known = provider_of(provider)
        await integrations.disconnect(session, known)
        return RedirectResponse(f"{PAGE}/siem" if known is Provider.SIEM else PAGE, status_code=303)


def _add_api(routes: APIRouter, integrations: Integrations) -> None:
    @routes.get("/api/v1/integrations", dependencies=[needs(Scope.INTEGRATIONS_READ)])
    async def listing(session: Admin) -> list[IntegrationState]:
        """Each integration, connected or not."""
        items = await integrations.all_of(session)
        return [IntegrationState(provider=i.provider, status=i.state, base_url=i.base_url) for i in items]

    @routes.post(
        "/api/v1/integrations/gong",
        status_code=201,
        dependencies=[needs(Scope.INTEGRATIONS_WRITE), Depends(idempotent)],
    )
    async def connect_by_api(session: Admin, key: GongKey) -> IntegrationState:
        """Connect Gong with an access key; it is checked with Gong first, and takes the place of an earlier one."""
        return await integrations.connect_gong(session, key)

    @routes.delete("/api/v1/integrations/{provider}", status_code=204, dependencies=[needs(Scope.INTEGRATIONS_WRITE)])
    async def disconnect_by_api(session: Admin, provider: str) -> None:
        """Forget a credential."""
        await integrations.disconnect(session, provider_of(provider))


def provider_of(text: str) -> Provider:
    """The provider of a path. Raises InvalidInput."""
    try:
        return Provider(text)
    except ValueError:
        raise InvalidInput("There is no such integration: use gong, hubspot, slack or siem.") from None

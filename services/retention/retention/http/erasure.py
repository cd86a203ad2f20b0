"""`/settings/data`: an admin asks for the workspace to be erased, and everybody of it sees how far that is; `/erasures/…`: the same for who
has the link, when nobody can sign in any more; and the request for programs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from core.errors import CallmineError, NotFound
from core.ids import WorkspaceId, parse_uuid, parse_workspace_id
from database import Database
from retention.certificates.links import PATH, Links
from retention.certificates.signing import CertificateKeys
from retention.domain.erasures import BUSINESS_DAYS, LINK_DAYS, Erasure, Part, link_ends_at
from retention.handlers.erasing import Erasing
from retention.handlers.requests import Asker
from retention.http.erasure_views import JSON, PDF, ErasureView, pdf_file, reload, statement_file, view
from retention.store import erasures as store
from retention.store import person_requests, report_erasures
from retention.store.requests import Certificate
from web import Pages, Scope, Session, admin, member, needs, people_only
from web.state import web_of

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]

PAGE = "/settings/data"
KEYS = "/trust/certificate-keys"

_LONGEST_NAME = 1024
Name = Annotated[str, Form(max_length=_LONGEST_NAME)]
Ends = Annotated[str, Query(max_length=20)]
Signature = Annotated[str, Query(max_length=100)]

# Requests to erase a report, and to erase a person's data, that the page lists.
_SHOWN = 20


class ErasureRequest(BaseModel):
    """A request: the workspace's name, typed by a person."""

    model_config = ConfigDict(extra="forbid")

    workspace_name: str = Field(max_length=_LONGEST_NAME)


class _Found(Struct, frozen=True):
    """A request with the reports on it, the name that has to be typed for a new one, and requests to erase single reports, and people's
    data."""

    erasure: Erasure | None
    parts: list[Part]
    name: str = ""
    of_reports: Sequence[Erasure] = ()
    of_people: Sequence[Erasure] = ()


class ErasureRoutes(Struct, frozen=True):
    """The routes."""

    pages: Pages
    db: Database
    erasing: Erasing
    links: Links
    keys: CertificateKeys

    def add_to(self, routes: APIRouter) -> None:
        """Add them all."""
        routes.add_api_route(PAGE, self.page, methods=["GET"])
        routes.add_api_route(f"{PAGE}/erasure", self.ask, methods=["POST"])
        routes.add_api_route(f"{PAGE}/erasure/take-back", self.take_back, methods=["POST"])
        routes.add_api_route(f"{PAGE}/{JSON}", self.own_statement, methods=["GET"])
        routes.add_api_route(f"{PAGE}/{PDF}", self.own_pdf, methods=["GET"])
        one = f"{PATH}/{{workspace}}/{{erasure}}"
        routes.add_api_route(one, self.linked, methods=["GET"])
        routes.add_api_route(f"{one}/{JSON}", self.linked_statement, methods=["GET"])
        routes.add_api_route(f"{one}/{PDF}", self.linked_pdf, methods=["GET"])
        routes.add_api_route(KEYS, self.public_keys, methods=["GET"])
        api, people = "/api/v1/erasure", [people_only()]
        routes.add_api_route(
            api, self.read, methods=["GET"], response_model=ErasureView, dependencies=[needs(Scope.SETTINGS_READ)]
        )
        routes.add_api_route(
            api, self.request, methods=["POST"], response_model=ErasureView, status_code=202, dependencies=people
        )
        routes.add_api_route(api, self.withdraw, methods=["DELETE"], response_model=ErasureView, dependencies=people)

    async def page(self, request: Request, session: Member) -> Response:
        """What is kept, and the way to have it erased."""
        return await self._shown(request, session)

    async def ask(self, request: Request, session: Admin, workspace_name: Name = "") -> Response:
        """Ask for the workspace to be erased."""
        try:
            await self._ask(session, workspace_name)
        except CallmineError as error:
            return await self._shown(request, session, error)
        return RedirectResponse(PAGE, status_code=303)

    async def take_back(self, request: Request, session: Admin) -> Response:
        """Take the request back."""
        try:
            await self._take_back(session)
        except CallmineError as error:
            return await self._shown(request, session, error)
        return RedirectResponse(PAGE, status_code=303)

    async def own_statement(self, session: Member) -> Response:
        """The certificate as a signed statement."""
        return statement_file(await self._certificate(session.workspace_id))

    async def own_pdf(self, session: Member) -> Response:
        """The certificate in print."""
        return pdf_file(await self._certificate(session.workspace_id))

    async def linked(
        self, request: Request, workspace: str, erasure: str, ends: Ends = "", signature: Signature = ""
    ) -> Response:
        """How far a request is, for who has its link."""
        workspace_id, erasure_id = await self._checked(request, workspace, erasure, ends, signature)
        found = await self._found(workspace_id)
        if found.erasure is None or found.erasure.id != erasure_id:
            raise NotFound("There is no such request. It was taken back, and another one made since.")
        base = f"{PATH}/{workspace_id}/{erasure_id}"
        return self.pages.render(
            request,
            "erasure.html",
            None,
            headers=reload(found.erasure),
            erasure=found.erasure,
            parts=found.parts,
            workspace=workspace_id,
            late=found.erasure.is_late(web_of(request).clock.now()),
            files=[f"{base}/{name}?ends={ends}&signature={signature}" for name in (PDF, JSON)],
        )

    async def linked_statement(
        self, request: Request, workspace: str, erasure: str, ends: Ends = "", signature: Signature = ""
    ) -> Response:
        """The certificate as a signed statement, for who has the link."""
        workspace_id, erasure_id = await self._checked(request, workspace, erasure, ends, signature)
        return statement_file(await self._certificate(workspace_id, erasure_id))

    async def linked_pdf(
        self, request: Request, workspace: str, erasure: str, ends: Ends = "", signature: Signature = ""
    ) -> Response:
        """The certificate in print, for who has the link."""
        workspace_id, erasure_id = await self._checked(request, workspace, erasure, ends, signature)
        return pdf_file(await self._certificate(workspace_id, erasure_id))

    async def public_keys(self) -> PlainTextResponse:
        """The public keys of certificates, one on a line, for everybody."""
        return PlainTextResponse("".join(f"{key}\n" for key in await self.keys.public()))

    async def read(self, request: Request, session: Member) -> ErasureView:
        """The request to erase the workspace, and how far it is. 404 where nobody has asked."""
        return await self._view(request, session)

    async def request(self, request: Request, session: Admin, wanted: ErasureRequest) -> ErasureView:
        """Ask for the workspace to be erased. One that was asked for already stays as it is."""
        await self._ask(session, wanted.workspace_name)
        return await self._view(request, session)

    async def withdraw(self, request: Request, session: Admin) -> ErasureView:
        """Take the request back, within 24 hours of it."""
        await self._take_back(session)
        return await self._view(request, session)

    async def _ask(self, session: Session, typed: str) -> None:
        asker = Asker(session.actor, session.email or session.user_id)
        async with self.db.workspace(session.workspace_id) as tx:
            await self.erasing.ask(tx, asker, typed)

    async def _take_back(self, session: Session) -> None:
        async with self.db.workspace(session.workspace_id) as tx:
            await self.erasing.take_back(tx, session.actor)

    async def _found(self, workspace_id: WorkspaceId) -> _Found:
        async with self.db.workspace(workspace_id) as tx:
            known = await store.about(tx)
            erasure = await store.latest(tx)
            parts = await store.parts(tx, erasure.id) if erasure else []
            of_reports = await report_erasures.newest(tx, _SHOWN)
            return _Found(erasure, parts, known.name, of_reports, await person_requests.newest(tx, _SHOWN))

    async def _view(self, request: Request, session: Session) -> ErasureView:
        found = await self._found(session.workspace_id)
        if found.erasure is None:
            raise NotFound("Nobody has asked for this workspace to be erased.")
        return view(found.erasure, found.parts, web_of(request).clock.now())

    async def _shown(self, request: Request, session: Session, error: CallmineError | None = None) -> Response:
        found = await self._found(session.workspace_id)
        now = web_of(request).clock.now()
        erasure = found.erasure
        link = ""
        if erasure is not None and session.is_admin and erasure.taken_back_at is None:
            path = await self.links.address(session.workspace_id, erasure.id, link_ends_at(erasure.terms))
            link = f"{web_of(request).settings.public_url}{path}"
        return self.pages.render(
            request,
            "data.html",
            session,
            status_code=error.status if error else 200,
            headers=reload(erasure) if error is None else None,
            erasure=erasure,
            parts=found.parts,
            name=found.name,
            link=link,
            link_ends_at=link_ends_at(erasure.terms) if erasure else None,
            can_be_taken_back=erasure is not None and erasure.can_be_taken_back(now),
            late=erasure is not None and erasure.is_late(now),
            business_days=BUSINESS_DAYS,
            link_days=LINK_DAYS,
            files=[f"{PAGE}/{one}" for one in (PDF, JSON)],
            of_reports=found.of_reports,
            of_people=found.of_people,
            problem=error,
        )

    async def _checked(
        self, request: Request, workspace: str, erasure: str, ends: str, signature: str
    ) -> tuple[WorkspaceId, uuid.UUID]:
        """What the link is for. Nothing is read before its signature is checked. Raises NotFound."""
        try:
            workspace_id, erasure_id = parse_workspace_id(workspace), parse_uuid(erasure)
        except CallmineError:
            raise NotFound("There is no such request. Use the whole link, as it was shown.") from None
        await self.links.check(workspace_id, erasure_id, ends, signature, web_of(request).clock.now())
        return workspace_id, erasure_id

    async def _certificate(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID | None = None) -> Certificate:
        async with self.db.workspace(workspace_id) as tx:
            erasure = None if erasure_id else await store.latest(tx)
            wanted = erasure.id if erasure else erasure_id
            found = await store.certificate(tx, wanted) if wanted else None
        if found is None:
            raise NotFound("There is no certificate yet: it is made when the erasure is completed.")
        return found

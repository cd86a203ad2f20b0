"""`/settings/data/people/…`: an admin asks for one person's data to be erased, and everybody of the workspace sees how far that is; and the
request for programs. A request goes by its own id: no address stands in a path, and only admins are shown whom it is about."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from core.errors import CallmineError, NotFound
from core.ids import WorkspaceId, parse_uuid
from database import Database
from retention.domain.erasures import BUSINESS_DAYS, Erasure, Part
from retention.domain.people import LONGEST_ADDRESS
from retention.handlers.person_erasing import PersonErasing
from retention.handlers.requests import Asker
from retention.http.erasure import PAGE
from retention.http.erasure_views import JSON, PDF, ErasureView, pdf_file, reload, statement_file, view
from retention.store import person_requests as store
from retention.store.requests import Certificate
from web import Pages, Scope, Session, admin, member, needs, people_only
from web.state import web_of

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]

PEOPLE = f"{PAGE}/people"

_LONGEST = LONGEST_ADDRESS + 100
_FILE = "person-erasure"
# Soon after a request there is something to show.
_COUNT_SECONDS = 5
Address = Annotated[str, Form(max_length=_LONGEST)]


class PersonErasureView(ErasureView):
    """The request as a client reads it; it does not say whose data it is about. `state` may also be `not_found`, nothing is kept,
    `still_member`, the person is a member of the workspace and has to be removed first, and `with_workspace`, it was erased with the whole
    workspace. `calls` is how many calls go, with every report that read one of them; empty until it is known."""

    calls: int | None


class PersonErasureRequest(BaseModel):
    """A request: the person's address, typed by a person, and typed again."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=_LONGEST)
    confirmation: str = Field(max_length=_LONGEST)


class PersonErasureRoutes(Struct, frozen=True):
    """The routes."""

    pages: Pages
    db: Database
    erasing: PersonErasing

    def add_to(self, routes: APIRouter) -> None:
        """Add them all."""
        page = f"{PEOPLE}/{{person_erasure}}"
        routes.add_api_route(PEOPLE, self.form, methods=["GET"])
        routes.add_api_route(PEOPLE, self.ask, methods=["POST"])
        routes.add_api_route(page, self.page, methods=["GET"])
        routes.add_api_route(f"{page}/take-back", self.take_back, methods=["POST"])
        routes.add_api_route(f"{page}/{JSON}", self.statement, methods=["GET"])
        routes.add_api_route(f"{page}/{PDF}", self.pdf, methods=["GET"])
        api, people, model = "/api/v1/erasure/people", [people_only()], PersonErasureView
        one = f"{api}/{{person_erasure}}"
        routes.add_api_route(
            api, self.request, methods=["POST"], response_model=model, status_code=202, dependencies=people
        )
        routes.add_api_route(
            one, self.read, methods=["GET"], response_model=model, dependencies=[needs(Scope.SETTINGS_READ)]
        )
        routes.add_api_route(one, self.withdraw, methods=["DELETE"], response_model=model, dependencies=people)

    async def form(self, request: Request, session: Member) -> Response:
        """The way to make a request."""
        return self._asking(request, session)

    async def ask(self, request: Request, session: Admin, email: Address = "", confirmation: Address = "") -> Response:
        """Ask for a person's data to be erased."""
        try:
            erasure = await self._ask(session, email, confirmation)
        except CallmineError as error:
            return self._asking(request, session, email, error)
        return RedirectResponse(f"{PEOPLE}/{erasure.id}", status_code=303)

    async def page(self, request: Request, session: Member, person_erasure: str) -> Response:
        """How far the request is."""
        return await self._shown(request, session, _request(person_erasure))

    async def take_back(self, request: Request, session: Admin, person_erasure: str) -> Response:
        """Take the request back."""
        erasure_id = _request(person_erasure)
        try:
            await self._take_back(session, erasure_id)
        except CallmineError as error:
            return await self._shown(request, session, erasure_id, error)
        return RedirectResponse(f"{PEOPLE}/{erasure_id}", status_code=303)

    async def statement(self, session: Member, person_erasure: str) -> Response:
        """The certificate as a signed statement."""
        return statement_file(await self._certificate(session.workspace_id, _request(person_erasure)), _FILE)

    async def pdf(self, session: Member, person_erasure: str) -> Response:
        """The certificate in print."""
        return pdf_file(await self._certificate(session.workspace_id, _request(person_erasure)), _FILE)

    async def read(self, request: Request, session: Member, person_erasure: str) -> PersonErasureView:
        """The request to erase a person's data, and how far it is. 404 where there is none of this id."""
        return await self._view(request, session, _request(person_erasure))

    async def request(self, request: Request, session: Admin, wanted: PersonErasureRequest) -> PersonErasureView:
        """Ask for a person's data to be erased. A request that is under way stays as it is. How much there is is told within minutes; that
        there is nothing, or that the person is a member, as well: `state` is `not_found` or `still_member` then."""
        erasure = await self._ask(session, wanted.email, wanted.confirmation)
        return await self._view(request, session, erasure.id)

    async def withdraw(self, request: Request, session: Admin, person_erasure: str) -> PersonErasureView:
        """Take the request back, within 24 hours of it."""
        erasure_id = _request(person_erasure)
        await self._take_back(session, erasure_id)
        return await self._view(request, session, erasure_id)

    async def _ask(self, session: Session, email: str, typed: str) -> Erasure:
        asker = Asker(session.actor, session.email or session.user_id)
        async with self.db.workspace(session.workspace_id) as tx:
            return await self.erasing.ask(tx, asker, email, typed)

    async def _take_back(self, session: Session, erasure_id: uuid.UUID) -> None:
        async with self.db.workspace(session.workspace_id) as tx:
            await self.erasing.take_back(tx, session.actor, erasure_id)

    async def _found(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID) -> tuple[Erasure, list[Part]]:
        async with self.db.workspace(workspace_id) as tx:
            erasure = await store.read(tx, erasure_id)
            if erasure is None:
                raise NotFound("There is no such request in this workspace.")
            return erasure, await store.parts(tx, erasure_id)

    async def _view(self, request: Request, session: Session, erasure_id: uuid.UUID) -> PersonErasureView:
        erasure, parts = await self._found(session.workspace_id, erasure_id)
        shown = view(erasure, parts, web_of(request).clock.now())
        return PersonErasureView(calls=_calls(erasure), **shown.model_dump())

    def _asking(
        self, request: Request, session: Session, email: str = "", error: CallmineError | None = None
    ) -> Response:
        return self.pages.render(
            request,
            "person_erasure.html",
            session,
            status_code=error.status if error else 200,
            erasure=None,
            email=email,
            business_days=BUSINESS_DAYS,
            problem=error,
        )

    async def _shown(
        self, request: Request, session: Session, erasure_id: uuid.UUID, error: CallmineError | None = None
    ) -> Response:
        erasure, parts = await self._found(session.workspace_id, erasure_id)
        now, calls = web_of(request).clock.now(), _calls(erasure)
        is_counted = erasure.started_at is not None or calls is not None or not erasure.holds
        headers = reload(erasure) if is_counted else {"refresh": str(_COUNT_SECONDS)}
        return self.pages.render(
            request,
            "person_erasure.html",
            session,
            status_code=error.status if error else 200,
            headers=headers if error is None else None,
            erasure=erasure,
            parts=parts,
            calls=calls,
            email=erasure.person.email if erasure.person and session.is_admin else "",
            can_be_taken_back=erasure.can_be_taken_back(now),
            late=erasure.is_late(now),
            business_days=BUSINESS_DAYS,
            files=[f"{PEOPLE}/{erasure_id}/{one}" for one in (PDF, JSON)],
            problem=error,
        )

    async def _certificate(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID) -> Certificate:
        async with self.db.workspace(workspace_id) as tx:
            found = await store.certificate(tx, erasure_id)
        if found is None:
            raise NotFound("There is no certificate: it is made when the erasure is completed.")
        return found


def _calls(erasure: Erasure) -> int | None:
    """How many calls go; None until it is known."""
    person = erasure.person
    return person.calls_found if person is not None and person.found_attempt >= 0 else None


def _request(text: str) -> uuid.UUID:
    """A request's id in a path. Raises NotFound for what is none."""
    try:
        return parse_uuid(text)
    except CallmineError:
        raise NotFound("There is no such request in this workspace.") from None

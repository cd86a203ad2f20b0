"""`/settings/data/reports/…`: an admin asks for one report to be erased, and everybody of the workspace sees how far that is; and the
request for programs. Which reports there are, analysis knows: whether there is this one is shown as soon as it has answered."""

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
from retention.domain.erasures import BUSINESS_DAYS, TYPED, Erasure, Part
from retention.handlers.report_erasing import ReportErasing
from retention.handlers.requests import Asker
from retention.http.erasure import PAGE
from retention.http.erasure_views import JSON, PDF, ErasureView, pdf_file, reload, statement_file, view
from retention.store import report_erasures as store
from retention.store.requests import Certificate
from web import Pages, Scope, Session, admin, member, needs, people_only
from web.state import web_of

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]

_LONGEST = 100
_FILE = "report-erasure"
Typed = Annotated[str, Form(max_length=_LONGEST)]


class ReportErasureView(ErasureView):
    """The request as a client reads it. `state` may also be `not_found`, there was no such report, and `with_workspace`, it was erased with
    the whole workspace."""

    report_id: str


class ReportErasureRequest(BaseModel):
    """A request: the end of the report's id, its last eight letters and digits, or all of it, typed by a person."""

    model_config = ConfigDict(extra="forbid")

    confirmation: str = Field(max_length=_LONGEST)


class ReportErasureRoutes(Struct, frozen=True):
    """The routes."""

    pages: Pages
    db: Database
    erasing: ReportErasing

    def add_to(self, routes: APIRouter) -> None:
        """Add them all."""
        page = f"{PAGE}/reports/{{report}}"
        routes.add_api_route(page, self.page, methods=["GET"])
        routes.add_api_route(f"{page}/erasure", self.ask, methods=["POST"])
        routes.add_api_route(f"{page}/erasure/take-back", self.take_back, methods=["POST"])
        routes.add_api_route(f"{page}/{JSON}", self.statement, methods=["GET"])
        routes.add_api_route(f"{page}/{PDF}", self.pdf, methods=["GET"])
        api, people, model = "/api/v1/erasure/reports/{report}", [people_only()], ReportErasureView
        routes.add_api_route(
            api, self.read, methods=["GET"], response_model=model, dependencies=[needs(Scope.SETTINGS_READ)]
        )
        routes.add_api_route(
            api, self.request, methods=["POST"], response_model=model, status_code=202, dependencies=people
        )
        routes.add_api_route(api, self.withdraw, methods=["DELETE"], response_model=model, dependencies=people)

    async def page(self, request: Request, session: Member, report: str) -> Response:
        """How far the request is, or the way to make one."""
        return await self._shown(request, session, _report(report))

    async def ask(self, request: Request, session: Admin, report: str, confirmation: Typed = "") -> Response:
        """Ask for the report to be erased."""
        report_id = _report(report)
        try:
            await self._ask(session, report_id, confirmation)
        except CallmineError as error:
            return await self._shown(request, session, report_id, error)
        return RedirectResponse(f"{PAGE}/reports/{report_id}", status_code=303)

    async def take_back(self, request: Request, session: Admin, report: str) -> Response:
        """Take the request back."""
        report_id = _report(report)
        try:
            await self._take_back(session, report_id)
        except CallmineError as error:
            return await self._shown(request, session, report_id, error)
        return RedirectResponse(f"{PAGE}/reports/{report_id}", status_code=303)

    async def statement(self, session: Member, report: str) -> Response:
        """The certificate as a signed statement."""
        return statement_file(await self._certificate(session.workspace_id, _report(report)), _FILE)

    async def pdf(self, session: Member, report: str) -> Response:
        """The certificate in print."""
        return pdf_file(await self._certificate(session.workspace_id, _report(report)), _FILE)

    async def read(self, request: Request, session: Member, report: str) -> ReportErasureView:
        """The request to erase a report, and how far it is. 404 where nobody has asked."""
        return await self._view(request, session, _report(report))

    async def request(
        self, request: Request, session: Admin, report: str, wanted: ReportErasureRequest
    ) -> ReportErasureView:
        """Ask for a report to be erased. One that was asked for already stays as it is. That the workspace has no such report is told
        within seconds: `state` is `not_found` then."""
        report_id = _report(report)
        await self._ask(session, report_id, wanted.confirmation)
        return await self._view(request, session, report_id)

    async def withdraw(self, request: Request, session: Admin, report: str) -> ReportErasureView:
        """Take the request back, within 24 hours of it."""
        report_id = _report(report)
        await self._take_back(session, report_id)
        return await self._view(request, session, report_id)

    async def _ask(self, session: Session, report_id: uuid.UUID, typed: str) -> None:
        asker = Asker(session.actor, session.email or session.user_id)
        async with self.db.workspace(session.workspace_id) as tx:
            await self.erasing.ask(tx, asker, report_id, typed)

    async def _take_back(self, session: Session, report_id: uuid.UUID) -> None:
        async with self.db.workspace(session.workspace_id) as tx:
            await self.erasing.take_back(tx, session.actor, report_id)

    async def _found(self, workspace_id: WorkspaceId, report_id: uuid.UUID) -> tuple[Erasure | None, list[Part]]:
        async with self.db.workspace(workspace_id) as tx:
            erasure = await store.latest(tx, report_id)
            return erasure, await store.parts(tx, erasure.id) if erasure else []

    async def _view(self, request: Request, session: Session, report_id: uuid.UUID) -> ReportErasureView:
        erasure, parts = await self._found(session.workspace_id, report_id)
        if erasure is None:
            raise NotFound("Nobody has asked for this report to be erased.")
        shown = view(erasure, parts, web_of(request).clock.now())
        return ReportErasureView(report_id=str(report_id), **shown.model_dump())

    async def _shown(
        self, request: Request, session: Session, report_id: uuid.UUID, error: CallmineError | None = None
    ) -> Response:
        erasure, parts = await self._found(session.workspace_id, report_id)
        now = web_of(request).clock.now()
        return self.pages.render(
            request,
            "report_erasure.html",
            session,
            status_code=error.status if error else 200,
            headers=reload(erasure) if error is None else None,
            erasure=erasure,
            parts=parts,
            report_id=str(report_id),
            typed=TYPED,
            can_be_taken_back=erasure is not None and erasure.can_be_taken_back(now),
            late=erasure is not None and erasure.is_late(now),
            business_days=BUSINESS_DAYS,
            files=[f"{PAGE}/reports/{report_id}/{one}" for one in (PDF, JSON)],
            problem=error,
        )

    async def _certificate(self, workspace_id: WorkspaceId, report_id: uuid.UUID) -> Certificate:
        async with self.db.workspace(workspace_id) as tx:
            erasure = await store.latest(tx, report_id)
            found = await store.certificate(tx, erasure.id) if erasure else None
        if found is None:
            raise NotFound("There is no certificate yet: it is made when the erasure is completed.")
        return found


def _report(text: str) -> uuid.UUID:
    """A report's id in a path. Raises NotFound for what is none."""
    try:
        return parse_uuid(text)
    except CallmineError:
        raise NotFound("There is no such report. Open it, and choose its erasure there.") from None

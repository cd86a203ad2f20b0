"""Pages: a report, the transcript behind a quote, and the export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from analysis.domain.request import ReportId
from analysis.domain.transcript import turns
from analysis.exporting.formats import Format
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.desk import Desk
from analysis.http import reading
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path
from analysis.store.reports import PublishedReport, ReportPart
from web import Session, member
from web.routes import new_router

Member = Annotated[Session, Depends(member)]


class Part(BaseModel):
    """The part of a long report that is wanted: a theme by its place from 1 on and a page of it, or a page of the calls; 0 for none."""

    theme: int = 0
    page: int = 1
    calls: int = 0


class ReportRoutes:
    """The routes of this page family."""

    def __init__(self, desk: Desk, deliveries: Deliveries, frame: Frame) -> None:
        self._desk = desk
        self._deliveries = deliveries
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/reports/{report_id}", self.report, methods=["GET"])
        router.add_api_route("/reports/{report_id}/calls/{call_id}", self.transcript, methods=["GET"])
        router.add_api_route("/reports/{report_id}/export", self.export, methods=["POST"])
        return router

    async def report(
        self, request: Request, session: Member, report_id: str, part: Annotated[Part, Query()]
    ) -> Response:
        """The report; with `theme` all findings of one of its themes, with `calls` all of its calls, page by page."""
        asked = ReportId(id_in_path(report_id, "report"))
        if part.theme > 0:
            found = await self._desk.report_in_part(
                session.workspace_id, asked, reading.of_theme(part.theme, part.page)
            )
            if part.theme <= len(found.findings):
                return await self._theme(request, session, found, part)
        if part.calls:
            found = await self._desk.report_in_part(session.workspace_id, asked, reading.of_calls(part.calls))
            calls = reading.rows_of(found.document, "calls")
            return await self._frame.page(
                request,
                "report_calls.html",
                session,
                report=found.document,
                report_id=found.id,
                part=reading.part_of(calls, found.calls, part.calls, reading.MOST_CALLS),
            )
        return await self._opened(request, session, asked)

    async def _opened(self, request: Request, session: Session, asked: ReportId) -> Response:
        """The report's first page."""
        found = await self._desk.report_in_part(session.workspace_id, asked, reading.OPENED)
        postings = await self._deliveries.opened(session.workspace_id, session.user_id, found.run_id)
        return await self._frame.page(
            request,
            "report.html",
            session,
            postings=postings,
            report=found.document,
            report_id=found.id,
            question=reading.question_of(found.document),
            created_at=found.created_at,
            themes=reading.shown_themes(found.document, found.findings),
            timeline=reading.timeline(found.document),
            model_names=self._desk.offer.titles,
            most_calls=reading.MOST_CALLS,
            calls_in_all=found.calls,
            export_formats=tuple(Format),
        )

    async def _theme(self, request: Request, session: Session, found: ReportPart, part: Part) -> Response:
        """All findings of one theme, page by page."""
        theme = reading.rows_of(found.document, "themes")[part.theme - 1]
        total = found.findings[part.theme - 1]
        return await self._frame.page(
            request,
            "report_theme.html",
            session,
            report=found.document,
            report_id=found.id,
            theme=theme,
            number=part.theme,
            part=reading.part_of(reading.rows_of(theme, "findings"), total, part.page, reading.FINDINGS_A_PAGE),
        )

    async def transcript(self, request: Request, session: Member, report_id: str, call_id: str) -> Response:
        """The transcript of a call of the report, each sentence with an anchor."""
        found = ReportId(id_in_path(report_id, "report"))
        call = await self._desk.transcript(session.workspace_id, found, call_id)
        return await self._frame.page(
            request, "transcript.html", session, call=call, turns=list(turns(call.sentences)), report_id=found
        )

    async def export(
        self, session: Member, report_id: str, format_name: Annotated[str, Form(alias="format")] = "json"
    ) -> Response:
        """The report as a file; audited."""
        found = ReportId(id_in_path(report_id, "report"))
        report = await self._desk.export(session.workspace_id, found, format_name, session.actor)
        return export_file(report)


def export_file(report: PublishedReport) -> Response:
    """A report's JSON as a download."""
    name = f"callmine-report-{report.created_at:%Y-%m-%d}-{str(report.id)[-8:]}.json"
    return Response(
        report.text, media_type="application/json", headers={"content-disposition": f'attachment; filename="{name}"'}
    )

"""Pages: a report, the transcript behind a quote, and the export."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from analysis.domain.request import ReportId
from analysis.domain.transcript import turns
from analysis.handlers.desk import Desk
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path
from analysis.http.runs import MODEL_NAMES
from analysis.store.reports import Report
from web import Session, member

Member = Annotated[Session, Depends(member)]


class ReportRoutes:
    """The routes of this page family."""

    def __init__(self, desk: Desk, frame: Frame) -> None:
        self._desk = desk
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/reports/{report_id}", self.report, methods=["GET"])
        router.add_api_route("/reports/{report_id}/calls/{call_id}", self.transcript, methods=["GET"])
        router.add_api_route("/reports/{report_id}/export", self.export, methods=["POST"])
        return router

    async def report(self, request: Request, session: Member, report_id: str) -> Response:
        """The report."""
        found = await self._desk.report(session.workspace_id, ReportId(id_in_path(report_id, "report")))
        return await self._frame.page(
            request,
            "report.html",
            session,
            report=found.document,
            report_id=found.id,
            created_at=found.created_at,
            model_names=MODEL_NAMES,
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


def export_file(report: Report) -> Response:
    """A report's JSON as a download."""
    name = f"callmine-report-{report.created_at:%Y-%m-%d}-{str(report.id)[-8:]}.json"
    body = json.dumps(report.published(), ensure_ascii=False, indent=2)
    return Response(
        body, media_type="application/json", headers={"content-disposition": f'attachment; filename="{name}"'}
    )

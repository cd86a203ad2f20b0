"""Pages and API: taking a report away as a file."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from analysis.domain.export import Export, ExportState, disposition, file_name
from analysis.domain.request import ReportId
from analysis.exporting.formats import Format
from analysis.handlers.exports import Exports
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path, number_in_path
from analysis.http.views import ExportsView, ExportView
from web import Scope, Session, idempotent, member, needs
from web.routes import new_router

Member = Annotated[Session, Depends(member)]
RequestId = Annotated[uuid.UUID | None, Depends(idempotent)]

ACCEPTED, SEE_OTHER = 202, 303


class ExportRoutes:
    """The routes of exports, the API's among them."""

    def __init__(self, exports: Exports, frame: Frame) -> None:
        self._exports = exports
        self._frame = frame

    def router(self) -> APIRouter:
        """The pages."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/reports/{report_id}/exports", self.ask, methods=["POST"])
        router.add_api_route("/reports/{report_id}/exports/{number}", self.page, methods=["GET"])
        router.add_api_route("/reports/{report_id}/exports/{number}/file", self.file, methods=["GET"])
        return router

    def api(self) -> APIRouter:
        """The API."""
        router = new_router(prefix="/api/v1")
        router.add_api_route(
            "/reports/{report_id}/exports",
            self.start,
            response_model=ExportView,
            methods=["POST"],
            status_code=ACCEPTED,
            dependencies=[needs(Scope.REPORTS_EXPORT, costly=True)],
        )
        router.add_api_route(
            "/reports/{report_id}/exports",
            self.latest,
            response_model=ExportsView,
            methods=["GET"],
            dependencies=[needs(Scope.REPORTS_EXPORT)],
        )
        router.add_api_route(
            "/reports/{report_id}/exports/{number}",
            self.state,
            response_model=ExportView,
            methods=["GET"],
            dependencies=[needs(Scope.REPORTS_EXPORT)],
        )
        router.add_api_route(
            "/reports/{report_id}/exports/{number}/file",
            self.file,
            response_class=StreamingResponse,
            methods=["GET"],
            dependencies=[needs(Scope.REPORTS_EXPORT)],
        )
        return router

    async def ask(
        self, session: Member, report_id: str, format_name: Annotated[str, Form(alias="format")] = "json"
    ) -> Response:
        """Have the report exported. The browser is led to the file or, where that takes long, to the page that waits for it."""
        found = ReportId(id_in_path(report_id, "report"))
        number = await self._exports.ask(session.workspace_id, found, format_name, session.actor)
        export = await self._exports.settled(session.workspace_id, found, number, session.user_id)
        address = self._exports.address(session.workspace_id, found, export, session.user_id)
        return RedirectResponse(address or f"/reports/{found}/exports/{number}", SEE_OTHER)

    async def page(self, request: Request, session: Member, report_id: str, number: str) -> Response:
        """An export: the live part alone for htmx, the whole page otherwise."""
        found = ReportId(id_in_path(report_id, "report"))
        export = await self._exports.export(
            session.workspace_id, found, number_in_path(number, "export"), session.user_id
        )
        values: dict[str, Any] = {
            "export": export,
            "state": export.state.value,
            "address": self._exports.address(session.workspace_id, found, export, session.user_id),
            "format": Format(export.format),
            "report_id": found,
        }
        if request.headers.get("hx-request") == "true":
            return await self._frame.part(request, "export_part.html", session, **values)
        return await self._frame.page(request, "export.html", session, **values)

    async def file(
        self,
        session: Member,
        report_id: str,
        number: str,
        ends: Annotated[str, Query(max_length=20)] = "",
        signature: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """The file, by a link that was made for this person."""
        found, which = ReportId(id_in_path(report_id, "report")), number_in_path(number, "export")
        export, content = await self._exports.hand_out(
            session.workspace_id, found, which, session.user_id, ends, signature
        )
        kind = Format(export.format)
        headers = {
            "content-type": kind.media_type,
            "content-disposition": disposition(file_name(str(found), export.report_created_at, kind)),
            "content-length": str(export.file.size if export.file else 0),
        }
        return StreamingResponse(content, headers=headers)

    async def start(
        self,
        session: Member,
        report_id: str,
        once: RequestId,
        format_name: Annotated[str, Query(alias="format")] = "json",
    ) -> JSONResponse:
        """Have the report exported."""
        found = ReportId(id_in_path(report_id, "report"))
        number = await self._exports.ask(session.workspace_id, found, format_name, session.actor, once)
        location = f"/api/v1/reports/{found}/exports/{number}"
        export = await self._exports.export(session.workspace_id, found, number, session.user_id)
        return JSONResponse(self._told(session, found, export), ACCEPTED, {"location": location})

    async def latest(self, session: Member, report_id: str) -> JSONResponse:
        """The latest exports of the report by whoever asks, newest first."""
        found = ReportId(id_in_path(report_id, "report"))
        exports = await self._exports.exports(session.workspace_id, found, session.user_id)
        return JSONResponse({"exports": [self._told(session, found, export) for export in exports]})

    async def state(self, session: Member, report_id: str, number: str) -> JSONResponse:
        """One export. `file` is the path to fetch it from, with the same session, until `ends_at`; null before and after."""
        found, which = ReportId(id_in_path(report_id, "report")), number_in_path(number, "export")
        export = await self._exports.export(session.workspace_id, found, which, session.user_id)
        return JSONResponse(self._told(session, found, export))

    def _told(self, session: Session, report_id: ReportId, export: Export) -> dict[str, object]:
        kept = export.file if export.state is ExportState.READY else None
        address = self._exports.address(session.workspace_id, report_id, export, session.user_id)
        if address and session.key is not None:
            address = f"/api/v1{address}"  # a key opens nothing else
        return {
            "number": export.number,
            "format": export.format,
            "state": export.state.value,
            "asked_at": _time(export.asked_at),
            "ends_at": _time(export.ends_at) if kept else None,
            "size_bytes": kept.size if kept else None,
            "sha256": kept.sha256 if kept else None,
            "file": address,
        }


def _time(value: datetime) -> str:
    return value.isoformat()

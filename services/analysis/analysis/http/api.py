"""The JSON API, `/api/v1`: the same use cases as the pages."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response
from msgspec.structs import asdict

from analysis.domain.request import PreviewId, ReportId, RunId, as_document
from analysis.domain.run import Preview, Run, stages
from analysis.domain.sample import SampledCall
from analysis.handlers.desk import Desk
from analysis.http.inputs import QuestionInput, question_of
from analysis.http.paths import id_in_path
from analysis.http.reports import export_file
from analysis.http.views import PreviewView, RunsView, RunView
from core.ids import parse_uuid
from web import Scope, Session, idempotent, member, needs
from web.routes import new_router

Member = Annotated[Session, Depends(member)]
RequestId = Annotated[uuid.UUID | None, Depends(idempotent)]

ACCEPTED = 202

READS, WRITES = [needs(Scope.RUNS_READ)], [needs(Scope.RUNS_WRITE)]
STARTS = [needs(Scope.RUNS_WRITE, costly=True)]

# For the API's description: the report is described by a schema of its own, docs/report.schema.json.
REPORT: dict[int | str, dict[str, object]] = {
    200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Report"}}}}
}
FILE: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The file",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ApiRoutes:
    """The routes of the API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(prefix="/api/v1")
        router.add_api_route(
            "/previews",
            self.ask_preview,
            response_model=PreviewView,
            methods=["POST"],
            status_code=ACCEPTED,
            dependencies=STARTS,
        )
        router.add_api_route(
            "/previews/{preview_id}",
            self.preview,
            response_model=PreviewView,
            methods=["GET"],
            dependencies=READS,
        )
        router.add_api_route(
            "/runs",
            self.start,
            response_model=RunView,
            methods=["POST"],
            status_code=ACCEPTED,
            dependencies=STARTS,
        )
        router.add_api_route("/runs", self.runs, response_model=RunsView, methods=["GET"], dependencies=READS)
        router.add_api_route("/runs/{run_id}", self.run, response_model=RunView, methods=["GET"], dependencies=READS)
        router.add_api_route(
            "/runs/{run_id}/cancel",
            self.cancel,
            response_model=RunView,
            methods=["POST"],
            dependencies=WRITES,
        )
        router.add_api_route(
            "/runs/{run_id}/resume",
            self.resume,
            response_model=RunView,
            methods=["POST"],
            dependencies=STARTS,
        )
        self._add_reports(router)
        return router

    def _add_reports(self, router: APIRouter) -> None:
        router.add_api_route(
            "/reports/{report_id}",
            self.report,
            responses=REPORT,
            methods=["GET"],
            dependencies=[needs(Scope.REPORTS_READ)],
        )
        router.add_api_route(
            "/reports/{report_id}/export",
            self.export,
            responses=FILE,
            methods=["POST"],
            dependencies=[needs(Scope.REPORTS_EXPORT, costly=True)],
        )

    async def ask_preview(self, session: Member, sent: QuestionInput, _once: RequestId) -> JSONResponse:
        """Have the matching calls counted."""
        situation = await self._desk.situation(session.workspace_id)
        question = question_of(sent, situation, self._desk.clock.now())
        preview_id = await self._desk.ask_preview(session.workspace_id, question, session.actor)
        preview = await self._desk.preview(session.workspace_id, preview_id)
        return JSONResponse(_preview(preview, None), ACCEPTED, {"location": f"/api/v1/previews/{preview_id}"})

    async def preview(self, session: Member, preview_id: str) -> JSONResponse:
        """How many calls match, and some of them; null until they are known, and for a sample that cannot be read now."""
        preview = await self._desk.preview(session.workspace_id, PreviewId(id_in_path(preview_id, "preview")))
        return JSONResponse(_preview(preview, await self._desk.sample(session.workspace_id, preview)))

    async def start(self, session: Member, sent: QuestionInput, once: RequestId) -> JSONResponse:
        """Start a run."""
        situation = await self._desk.situation(session.workspace_id)
        question = question_of(sent, situation, self._desk.clock.now())
        request_id = sent.request_id or once
        run_id = await self._desk.start(session.workspace_id, question, session.actor, request_id, capped=sent.cap)
        run = await self._desk.run(session.workspace_id, run_id)
        return JSONResponse(_run(run), ACCEPTED, {"location": f"/api/v1/runs/{run_id}"})

    async def runs(self, session: Member, before: Annotated[str, Query(max_length=40)] = "") -> JSONResponse:
        """A page of runs, newest first; `next` goes into `before` for the page after."""
        position = parse_uuid(before, "before") if before else None
        page = await self._desk.dashboard(session.workspace_id, position)
        return JSONResponse(
            {
                "runs": [_run(run) for run in page.runs],
                "hidden_reports": page.hidden_reports,
                "next": str(page.next) if page.next else None,
            }
        )

    async def run(self, session: Member, run_id: str) -> JSONResponse:
        """One run with its stages."""
        return JSONResponse(_run(await self._desk.run(session.workspace_id, RunId(id_in_path(run_id, "run")))))

    async def cancel(self, session: Member, run_id: str) -> JSONResponse:
        """Stop a run."""
        found = RunId(id_in_path(run_id, "run"))
        await self._desk.cancel(session.workspace_id, found, session.actor)
        return JSONResponse(_run(await self._desk.run(session.workspace_id, found)))

    async def resume(self, session: Member, run_id: str) -> JSONResponse:
        """Go on with a failed run from the calls that are done. Of one that goes on already nothing changes."""
        found = RunId(id_in_path(run_id, "run"))
        await self._desk.resume(session.workspace_id, found, session.actor)
        return JSONResponse(_run(await self._desk.run(session.workspace_id, found)))

    async def report(self, session: Member, report_id: str) -> Response:
        """One report: the document that `analysis.domain.document` describes."""
        report = await self._desk.published(session.workspace_id, ReportId(id_in_path(report_id, "report")))
        return Response(report.text, media_type="application/json")

    async def export(
        self,
        session: Member,
        report_id: str,
        once: RequestId,
        format_name: Annotated[str, Query(alias="format")] = "json",
    ) -> Response:
        """The same document as a file; audited."""
        found = ReportId(id_in_path(report_id, "report"))
        return export_file(await self._desk.export(session.workspace_id, found, format_name, session.actor, once))


def _preview(preview: Preview, sample: tuple[SampledCall, ...] | None) -> dict[str, object]:
    return {
        "preview_id": str(preview.id),
        "state": preview.state,
        "matching_calls": preview.matching_calls,
        "total_seconds": preview.total_seconds,
        "reason": preview.reason,
        "question": as_document(preview.question),
        "sample": None if sample is None else [_sampled(call) for call in sample],
    }


def _sampled(call: SampledCall) -> dict[str, object]:
    return {**asdict(call), "started_at": call.started_at.isoformat()}


def _run(run: Run) -> dict[str, object]:
    return {
        "run_id": str(run.id),
        "state": run.state.value,
        "reason": run.reason,
        "report_id": str(run.report_id) if run.report_id else None,
        "percent": run.percent,
        "resumable": run.resumable,
        "question": as_document(run.question),
        "call_limit": run.call_limit,
        "calls_matching": run.calls_matching,
        "calls_expected": run.calls_expected,
        "calls_fetched": run.calls_fetched,
        "calls_analysed": run.calls_analysed,
        "calls_failed": run.calls_failed,
        "paused_until": _time(run.paused_until),
        "pause_reason": run.pause_reason,
        "remarks": list(run.remarks),
        "stages": [{"name": s.name, "state": s.state.value, "done": s.done, "of": s.of} for s in stages(run)],
        "created_at": _time(run.created_at),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None

"""Pages: dashboard, a new question, its preview, and a run while it goes on. All of them work without JavaScript, too."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from analysis.domain.request import PreviewId, Question, RunId
from analysis.domain.run import Preview
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.desk import TROUBLED_CALLS, Desk
from analysis.handlers.live import LiveRuns
from analysis.handlers.schedules import Schedules
from analysis.http.frame import Frame
from analysis.http.inputs import QuestionInput, question_of
from analysis.http.model_requests import OUTCOMES
from analysis.http.paths import id_in_path
from analysis.http.run_words import shown_of
from analysis.http.schedule_words import SKIPPED
from core.errors import CallmineError, InvalidInput, OutOfQuota
from core.ids import parse_uuid, uuid7
from core.log import logger
from web import Session, member
from web.routes import new_router

log = logger("analysis.pages")

Member = Annotated[Session, Depends(member)]
Sent = Annotated[QuestionInput, Form()]

# After a POST the browser goes on with a GET.
SEE_OTHER = 303

DIRECTION_NAMES = {
    "inbound": "Inbound",
    "outbound": "Outbound",
    "conference": "Web conference",
    "unknown": "Not known",
}


class RunRoutes:
    """The routes of this page family."""

    def __init__(self, desk: Desk, schedules: Schedules, deliveries: Deliveries, frame: Frame, live: LiveRuns) -> None:
        self._desk = desk
        self._schedules = schedules
        self._deliveries = deliveries
        self._frame = frame
        self._live = live

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/", self.start_page, methods=["GET"])
        router.add_api_route("/dashboard", self.dashboard, methods=["GET"])
        router.add_api_route("/new", self.new, methods=["GET"])
        router.add_api_route("/previews", self.preview, methods=["POST"])
        router.add_api_route("/previews/{preview_id}", self.preview_page, methods=["GET"])
        router.add_api_route("/runs", self.start, methods=["POST"])
        router.add_api_route("/runs/{run_id}", self.run_page, methods=["GET"])
        router.add_api_route("/runs/{run_id}/cancel", self.cancel, methods=["POST"])
        router.add_api_route("/runs/{run_id}/resume", self.resume, methods=["POST"])
        return router

    async def start_page(self) -> Response:
        """Goes to the dashboard."""
        return RedirectResponse("/dashboard", SEE_OTHER)

    async def dashboard(
        self, request: Request, session: Member, before: Annotated[str, Query(max_length=40)] = ""
    ) -> Response:
        """Runs and reports, newest first."""
        shown = await self._desk.dashboard(session.workspace_id, parse_uuid(before, "before") if before else None)
        skipped = await self._schedules.skipped(session.workspace_id)
        return await self._frame.page(
            request,
            "dashboard.html",
            session,
            dashboard=shown,
            first=not before,
            skipped=skipped,
            skipped_words=SKIPPED,
        )

    async def new(self, request: Request, session: Member, later: BackgroundTasks) -> Response:
        """The form for a new question. While it is filled in, the calls of the days it begins with are listed."""
        later.add_task(self._list_ahead, session)
        return await self._form(request, session, None)

    async def preview(self, request: Request, session: Member, sent: Sent) -> Response:
        """Have the matching calls counted; answers with the part of the page that waits for the count."""
        situation = await self._desk.situation(session.workspace_id)
        question = question_of(sent, situation, self._desk.clock.now())
        try:
            preview_id = await self._desk.ask_preview(session.workspace_id, question, session.actor)
        except InvalidInput as error:
            return await self._form(request, session, question, error)
        if request.headers.get("hx-request") != "true":
            return RedirectResponse(f"/previews/{preview_id}", SEE_OTHER)
        preview = await self._desk.preview(session.workspace_id, preview_id)
        return await self._frame.part(
            request, "preview_part.html", session, preview=preview, sample=None, situation=situation
        )

    async def preview_page(self, request: Request, session: Member, preview_id: str) -> Response:
        """A preview: the part alone for htmx, the whole form with it for a plain browser."""
        found = PreviewId(id_in_path(preview_id, "preview"))
        preview = await self._desk.preview(session.workspace_id, found)
        if request.headers.get("hx-request") == "true":
            sample = await self._desk.sample(session.workspace_id, preview)
            situation = await self._desk.situation(session.workspace_id)
            return await self._frame.part(
                request, "preview_part.html", session, preview=preview, sample=sample, situation=situation
            )
        return await self._form(request, session, preview.question, preview=preview)

    async def start(self, request: Request, session: Member, sent: Sent) -> Response:
        """Start a run and go to its page."""
        situation = await self._desk.situation(session.workspace_id)
        question = question_of(sent, situation, self._desk.clock.now())
        try:
            run_id = await self._desk.start(
                session.workspace_id, question, session.actor, sent.request_id, capped=sent.cap
            )
        except (InvalidInput, OutOfQuota) as error:
            return await self._form(request, session, question, error)
        return RedirectResponse(f"/runs/{run_id}", SEE_OTHER)

    async def run_page(self, request: Request, session: Member, run_id: str) -> Response:
        """A run: the live part alone for htmx, the whole page otherwise."""
        return await self._run(request, session, RunId(id_in_path(run_id, "run")))

    async def _run(
        self, request: Request, session: Session, run_id: RunId, error: InvalidInput | OutOfQuota | None = None
    ) -> Response:
        present = await self._live.present(session.workspace_id, run_id)
        shown: dict[str, object] = {**shown_of(present, self._desk.offer.titles), "error": error}
        if request.headers.get("hx-request") == "true":
            return await self._frame.part(request, "run_part.html", session, **shown)
        shown |= {
            "postings": await self._deliveries.of_run(session.workspace_id, run_id),
            "origin": await self._schedules.origin(session.workspace_id, run_id),
            "asked": await self._desk.asked_of_models(session.workspace_id, run_id),
            "outcomes": OUTCOMES,
            "most_troubled": TROUBLED_CALLS,
        }
        status = error.status if error else 200
        return await self._frame.page(request, "run.html", session, status_code=status, **shown)

    async def cancel(self, session: Member, run_id: str) -> Response:
        """Stop a run."""
        await self._desk.cancel(session.workspace_id, RunId(id_in_path(run_id, "run")), session.actor)
        return RedirectResponse(f"/runs/{run_id}", SEE_OTHER)

    async def resume(self, request: Request, session: Member, run_id: str) -> Response:
        """Go on with a failed run; back on its page, with what stands in the way."""
        found = RunId(id_in_path(run_id, "run"))
        try:
            await self._desk.resume(session.workspace_id, found, session.actor)
        except (InvalidInput, OutOfQuota) as error:
            return await self._run(request, session, found, error)
        return RedirectResponse(f"/runs/{found}", SEE_OTHER)

    async def _list_ahead(self, session: Session) -> None:
        """A hint: the preview only takes longer without it."""
        try:
            situation = await self._desk.situation(session.workspace_id)
            question = question_of(QuestionInput(), situation, self._desk.clock.now())
            await self._desk.list_ahead(session.workspace_id, question, session.actor)
        except CallmineError as error:
            log.warning("calls not listed ahead", cause=type(error).__name__)

    async def _form(
        self,
        request: Request,
        session: Session,
        question: Question | None,
        error: InvalidInput | OutOfQuota | None = None,
        preview: Preview | None = None,
    ) -> Response:
        """The form, with what was typed and what is wrong with it."""
        situation = await self._desk.situation(session.workspace_id)
        shown = question or question_of(QuestionInput(), situation, self._desk.clock.now())
        status = error.status if error else 200
        if error and request.headers.get("hx-request") == "true":
            raise error
        return await self._frame.page(
            request,
            "new.html",
            session,
            status_code=status,
            question=shown,
            situation=situation,
            error=error,
            preview=preview,
            sample=await self._desk.sample(session.workspace_id, preview) if preview else None,
            directions=DIRECTION_NAMES,
            request_id=str(uuid7()),
            model_names=self._desk.offer.titles,
        )

"""What a run has sent to language models, for the workspace's admins: a page and the API. Kinds of data and sizes, never content."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from msgspec.structs import asdict

from analysis.domain.request import RunId
from analysis.handlers.desk import Desk
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path
from analysis.http.views import SentRequestsView
from analysis.store.model_requests import SentRequest
from web import Scope, Session, admin, needs
from web.routes import new_router

Admin = Annotated[Session, Depends(admin)]

PAGE = 100

# What became of a request, in words for pages.
OUTCOMES = {
    "answered": "Answered",
    "unreadable": "Answer not of the agreed shape",
    "cut_short": "Answer cut short",
    "refused": "Refused by the model",
    "filtered": "Stopped by the content filter",
    "too_long": "Too long for the model",
    "not_accepted": "Question not accepted",
    "busy": "Provider busy (429)",
    "overloaded": "Provider overloaded",
    "broken": "Error of the provider",
    "timed_out": "No answer in time",
    "unreachable": "Provider not reached",
    "account_empty": "Our account's quota used up",
    "account_refused": "Our account refused",
}

STORAGE = {"off": "switched off", "none": "no switch: the API stores nothing"}


class ModelRequestRoutes:
    """The routes of this page family."""

    def __init__(self, desk: Desk, frame: Frame) -> None:
        self._desk = desk
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router()
        router.add_api_route("/runs/{run_id}/requests", self.page, methods=["GET"], include_in_schema=False)
        router.add_api_route(
            "/api/v1/runs/{run_id}/model-requests",
            self.api,
            response_model=SentRequestsView,
            methods=["GET"],
            dependencies=[needs(Scope.AUDIT_READ)],
        )
        return router

    async def page(
        self, request: Request, session: Admin, run_id: str, after: Annotated[str, Query(max_length=40)] = ""
    ) -> Response:
        """The requests of a run as a table."""
        shown, following = await self._requests(session, run_id, after)
        return await self._frame.page(
            request,
            "requests.html",
            session,
            run=await self._desk.run(session.workspace_id, RunId(id_in_path(run_id, "run"))),
            requests=shown,
            following=following,
            outcomes=OUTCOMES,
            storage=STORAGE,
            model_names=self._desk.offer.titles,
        )

    async def api(self, session: Admin, run_id: str, after: Annotated[str, Query(max_length=40)] = "") -> JSONResponse:
        """A page of requests in order; `next` goes into `after` for the page that follows."""
        shown, following = await self._requests(session, run_id, after)
        return JSONResponse({"requests": [_request(one) for one in shown], "next": following})

    async def _requests(self, session: Session, run_id: str, after: str) -> tuple[list[SentRequest], str | None]:
        position = id_in_path(after, "request") if after else None
        found = RunId(id_in_path(run_id, "run"))
        requests = await self._desk.sent_to_models(session.workspace_id, found, position, PAGE + 1)
        shown = requests[:PAGE]
        return shown, str(shown[-1].id) if len(requests) > PAGE else None


def _request(one: SentRequest) -> dict[str, object]:
    return {**asdict(one), "id": str(one.id), "started_at": one.started_at.isoformat()}

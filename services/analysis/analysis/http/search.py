"""The page `/search` and the API `/api/v1/findings`: the findings of all reports that the plan shows."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from analysis.domain import search
from analysis.domain.finding import LONGEST_THEME, Sentiment, Verdict
from analysis.domain.request import ReportId, RunId
from analysis.domain.search import FindingFilter, Hit, Hits
from analysis.handlers.search import LARGEST_PAGE, PAGE, Search
from analysis.http.frame import Frame
from analysis.http.reading import quote_href, report_href
from core.errors import InvalidInput
from web import Scope, Session, member, needs
from web.routes import new_router

Member = Annotated[Session, Depends(member)]


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _line(value: object) -> object:
    return " ".join(value.replace("\x00", "").split()) if isinstance(value, str) else value


_NONE = BeforeValidator(_blank_is_none)
Text = Annotated[str, BeforeValidator(_line)]


class Asked(BaseModel):
    """A search as it is sent. What is left out, or empty, is not filtered by; days are inclusive and in the workspace's timezone."""

    model_config = ConfigDict(populate_by_name=True)

    q: Annotated[Text, Field(max_length=4 * search.LONGEST_QUERY)] = ""
    run_id: Annotated[uuid.UUID | None, _NONE] = None
    report_id: Annotated[uuid.UUID | None, _NONE] = None
    theme: Annotated[Text, Field(max_length=4 * LONGEST_THEME)] = ""
    rep: Annotated[Text, Field(max_length=400)] = ""
    sentiment: Annotated[Sentiment | None, _NONE] = None
    verdict: Annotated[Verdict | None, _NONE] = None
    first_day: Annotated[date | None, _NONE] = Field(default=None, alias="from")
    last_day: Annotated[date | None, _NONE] = Field(default=None, alias="to")
    cursor: Annotated[str, Field(max_length=200)] = ""

    @property
    def chosen(self) -> FindingFilter:
        """The filters."""
        return FindingFilter(
            run_id=RunId(self.run_id) if self.run_id else None,
            report_id=ReportId(self.report_id) if self.report_id else None,
            theme=self.theme,
            rep=self.rep,
            sentiment=self.sentiment,
            verdict=self.verdict,
            first_day=self.first_day,
            last_day=self.last_day,
        )

    def address(self, **changes: str) -> str:
        """The page's address for this search, with these fields changed; without a cursor, unless one is given."""
        fields = self.model_dump(mode="json", by_alias=True, exclude={"cursor"}, exclude_none=True) | changes
        return f"/search?{urlencode({name: value for name, value in fields.items() if value})}"


class AskedByProgram(Asked):
    """The same from a program, which may choose the size of a page."""

    size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE


class SearchRoutes:
    """The routes."""

    def __init__(self, searching: Search, frame: Frame) -> None:
        self._searching = searching
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router()
        router.add_api_route("/search", self.page, methods=["GET"], include_in_schema=False)
        router.add_api_route(
            "/api/v1/findings", self.findings, methods=["GET"], dependencies=[needs(Scope.REPORTS_READ)]
        )
        return router

    async def page(self, request: Request, session: Member, asked: Annotated[Asked, Query()]) -> Response:
        """The form and, where something is asked, a page of what was found."""
        found: Hits | None = None
        error: InvalidInput | None = None
        if asked.q:
            try:
                found = await self._searching.findings(session.workspace_id, asked.q, asked.chosen, asked.cursor)
            except InvalidInput as problem:
                error = problem
        return await self._frame.page(
            request,
            "search.html",
            session,
            status_code=error.status if error else 200,
            asked=asked,
            found=found,
            error=error,
            report_href=report_href,
            quote_href=quote_href,
            sentiments=list(Sentiment),
            verdicts=list(Verdict),
            longest=search.LONGEST_QUERY,
        )

    async def findings(self, session: Member, asked: Annotated[AskedByProgram, Query()]) -> JSONResponse:
        """A page of findings with the words `q`, the latest calls first; `next` goes into `cursor` for the page after."""
        found = await self._searching.findings(session.workspace_id, asked.q, asked.chosen, asked.cursor, asked.size)
        return JSONResponse({"findings": [hit_document(found, hit) for hit in found.hits], "next": found.next or None})


def hit_document(found: Hits, hit: Hit) -> dict[str, object]:
    """A hit as the API and the tools answer it. `matches`: first character of each match, and the one after its last."""
    places = found.query.places
    return {
        "finding_id": hit.finding_id,
        "report_id": str(hit.report_id),
        "run_id": str(hit.run_id),
        "reported_at": hit.reported_at.isoformat(),
        "theme": hit.theme,
        "claim": hit.claim,
        "sentiment": hit.sentiment,
        "quotes": [
            {
                "text": quote.text,
                "speaker": quote.speaker,
                "affiliation": quote.affiliation,
                "sentence_id": quote.sentence_id,
                "start_ms": quote.start_ms,
                "href": quote_href(hit, quote),
                "matches": places(quote.text),
            }
            for quote in hit.quotes
        ],
        "call_id": hit.call_id,
        "call_title": hit.call_title,
        "called_at": hit.called_at.isoformat(),
        "account": hit.account,
        "rep": hit.rep,
        "verdict": hit.verdict,
        "href": report_href(hit),
        "matches": {"theme": places(hit.theme), "claim": places(hit.claim)},
    }

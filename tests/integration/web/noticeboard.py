"""A service with a few routes that go right and wrong in all the ways a service can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from core.context import current
from core.errors import CallmineError, InvalidInput, NotFound, OutOfQuota, Transient
from core.ids import UserId, WorkspaceId
from web import Pages, Role, ServiceSettings, Session, admin, create_app, member
from web.background import Work
from web.clerk import SessionCheck
from web.sse import EventStream

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]

router = APIRouter()

REPORT = """
{% extends "layout.html" %}
{% block title %}{{ title }}{% endblock %}
{% block page_head %}{{ ui.page_head(title, "A lead") }}{% endblock %}
{% block content %}
<p id="whose">{{ session.workspace_slug }}</p>
{{ ui.stat("Calls", 1234) }}{{ ui.bars([("Price <b>", 4), ("Timing", 2)], "calls") }}{{ ui.progress(3, 4, "Done") }}
{{ ui.badge("Won", "good") }}{{ ui.time(when) }}
{% call ui.quote("Maya", 245, "#at") %}{{ words }}{% endcall %}
{% call ui.notice("bad", "Wrong") %}<p>x</p>{% endcall %}{% call ui.empty("None") %}{% endcall %}
{{ ui.field("key", "Key", required=true, error="no") }}
{% endblock %}
"""


class Notice(BaseModel):
    """What is posted."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=10)
    tone: str = Field(default="calm", pattern="^(calm|loud)$")


@router.get("/notices/{number}")
async def notice(number: int, session: Member) -> dict[str, str]:
    if number == 404:
        raise NotFound("There is no such notice.")
    return {
        "workspace": session.workspace_id,
        "context": current().workspace_id,
        "correlation": current().correlation_id,
    }


@router.post("/notices")
async def post(body: Notice, session: Member) -> dict[str, str]:
    return {"by": session.user_id}


@router.post("/form")
async def form(session: Member, words: Annotated[str, Form()]) -> dict[str, int]:
    return {"length": len(words)}


@router.get("/settings")
async def only_admins(session: Admin) -> dict[str, str]:
    return {"by": session.user_id}


@router.get("/report")
async def report(request: Request, session: Member, words: str = "We ship <i>in May</i>") -> HTMLResponse:
    when = datetime(2026, 3, 14, 9, 5, tzinfo=UTC)
    return Pages("noticeboard_pages").render(request, "report.html", session, title="Why", when=when, words=words)


@router.get("/unfinished")
async def unfinished(request: Request) -> HTMLResponse:
    return Pages("noticeboard_pages").render(request, "blank.html")


class Ticking:
    """Events without end."""

    exhausted = False

    async def next(self) -> bytes | None:
        await asyncio.sleep(0.01)
        return format_sse_event(event="tick", data_str="x" * 1000)


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticking]:
    try:
        yield Ticking()
    finally:
        print("stream closed", flush=True)


@router.get("/ticks")
async def ticks(request: Request) -> EventStream:
    nobody = Session(UserId("user_2abc"), WorkspaceId("org_2abc"), "", Role.MEMBER, "", "")
    return EventStream(request, nobody, ticking())


released = asyncio.Event()


@router.get("/held")
async def held() -> dict[str, bool]:
    """Answered once somebody has asked for /release."""
    print("held", flush=True)
    await released.wait()
    return {"held": True}


@router.get("/release")
async def release() -> dict[str, bool]:
    released.set()
    return {"released": True}


@router.get("/wrong/{how}")
async def wrong(how: str) -> StreamingResponse:
    errors: dict[str, Exception] = {
        "input": InvalidInput("The date range ends before it begins."),
        "quota": OutOfQuota("All 50 calls of this month are used."),
        "later": Transient("The database is restarting.", 7.4),
        "bug": ValueError("password=hunter2"),
        "inside": CallmineError("password=hunter2"),
    }
    if how == "midway":
        return StreamingResponse(_broken_off())
    raise errors[how]


async def _broken_off() -> AsyncIterator[bytes]:
    yield b"first part"
    raise ValueError("password=hunter2")


def build(
    settings: ServiceSettings,
    sessions: SessionCheck | None = None,
    background: Sequence[Work] = (),
    ready: Work | None = None,
) -> FastAPI:
    """The service, with its background work and readiness as given."""
    return create_app(
        service="noticeboard",
        settings=settings,
        routers=[router],
        background=background,
        ready=ready,
        package="noticeboard_pages",
        form_targets=("https://checkout.stripe.com",),
        sessions=sessions,
    )


def templates(package: Path) -> None:
    """Write a package with one page and one asset."""
    (package / "pages").mkdir(parents=True)
    (package / "assets").mkdir()
    (package / "__init__.py").write_text('"""Pages."""\n')
    (package / "pages" / "report.html").write_text(REPORT)
    (package / "pages" / "blank.html").write_text("<p>{{ never_given }}</p>")
    (package / "assets" / "chart.css").write_text("svg{}")

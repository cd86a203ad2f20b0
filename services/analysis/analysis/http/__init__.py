"""Pages and API. Every route works in the session's workspace; what is not in it does not exist."""

from fastapi import APIRouter

from analysis.handlers.desk import Desk
from analysis.http.api import ApiRoutes
from analysis.http.frame import Frame
from analysis.http.reports import ReportRoutes
from analysis.http.runs import RunRoutes
from web import Pages


def routers(desk: Desk) -> tuple[APIRouter, ...]:
    """All routes of the service."""
    frame = Frame(desk, Pages("analysis"))
    return RunRoutes(desk, frame).router(), ReportRoutes(desk, frame).router(), ApiRoutes(desk).router()


__all__ = ["routers"]

"""Pages and API. Every route works in the session's workspace; what is not in it does not exist."""

from fastapi import APIRouter

from analysis.handlers.desk import Desk
from analysis.http.api import ApiRoutes
from analysis.http.reports import ReportRoutes
from analysis.http.runs import RunRoutes
from web import Pages


def routers(desk: Desk) -> tuple[APIRouter, ...]:
    """All routes of the service."""
    pages = Pages("analysis")
    return RunRoutes(desk, pages).router(), ReportRoutes(desk, pages).router(), ApiRoutes(desk).router()


__all__ = ["routers"]

"""Pages and API. Every route works in the session's workspace; what is not in it does not exist."""

from fastapi import APIRouter

from analysis.handlers.desk import Desk
from analysis.handlers.schedules import Schedules
from analysis.http.api import ApiRoutes
from analysis.http.frame import Frame
from analysis.http.reports import ReportRoutes
from analysis.http.runs import RunRoutes
from analysis.http.schedule_api import ScheduleApi
from analysis.http.schedules import ScheduleRoutes
from web import Pages


def routers(desk: Desk, schedules: Schedules) -> tuple[APIRouter, ...]:
    """All routes of the service."""
    frame = Frame(desk, Pages("analysis"))
    return (
        RunRoutes(desk, schedules, frame).router(),
        ReportRoutes(desk, frame).router(),
        ScheduleRoutes(desk, schedules, frame).router(),
        ApiRoutes(desk).router(),
        ScheduleApi(desk, schedules).router(),
    )


__all__ = ["routers"]

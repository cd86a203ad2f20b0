"""Pages and API. Every route works in the session's workspace; what is not in it does not exist."""

from fastapi import APIRouter

from analysis.handlers.deliveries import Deliveries
from analysis.handlers.desk import Desk
from analysis.handlers.exports import Exports
from analysis.handlers.live import LiveRuns
from analysis.handlers.schedules import Schedules
from analysis.handlers.search import Search
from analysis.http.api import ApiRoutes
from analysis.http.deliveries import DeliveryApi, DeliveryRoutes
from analysis.http.description import DescriptionRoutes
from analysis.http.exports import ExportRoutes
from analysis.http.frame import Frame
from analysis.http.live import LiveRoutes
from analysis.http.model_requests import ModelRequestRoutes
from analysis.http.reports import ReportRoutes
from analysis.http.runs import RunRoutes
from analysis.http.schedule_api import ScheduleApi
from analysis.http.schedules import ScheduleRoutes
from analysis.http.search import SearchRoutes
from analysis.http.usage import UsageRoutes
from analysis.tools import ToolRoutes
from web import Pages


def routers(
    desk: Desk, schedules: Schedules, exports: Exports, deliveries: Deliveries, live: LiveRuns, public_url: str
) -> tuple[APIRouter, ...]:
    """All routes of the service. `public_url`: the origin that links in tools' answers begin with."""
    frame = Frame(desk, Pages("analysis"))
    files = ExportRoutes(exports, frame)
    searching = Search(desk.db)
    return (
        RunRoutes(desk, schedules, deliveries, frame, live).router(),
        LiveRoutes(live, frame).router(),
        ReportRoutes(desk, deliveries, frame).router(),
        ModelRequestRoutes(desk, frame).router(),
        files.router(),
        ScheduleRoutes(desk, schedules, deliveries, frame).router(),
        ApiRoutes(desk).router(),
        files.api(),
        DeliveryRoutes(deliveries, frame).router(),
        DeliveryApi(deliveries).router(),
        ScheduleApi(desk, schedules).router(),
        SearchRoutes(searching, frame).router(),
        UsageRoutes(desk, frame).router(),
        ToolRoutes(desk, schedules, searching, public_url).router(),
        DescriptionRoutes(frame).router(),
    )


__all__ = ["routers"]

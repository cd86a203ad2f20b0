"""The pages and the API of workspace, members and API keys. `webhooks.router` has the webhooks."""

from __future__ import annotations

from fastapi import APIRouter

from core.clock import Clock
from database import Database
from ingest.handlers import Administering
from ingest.handlers.api_keys import ApiKeys
from ingest.http.api_keys import add_api_keys
from ingest.http.members import add_members
from ingest.http.workspace import add_workspace
from web.routes import new_router


def router(db: Database, administering: Administering, keys: ApiKeys, clock: Clock) -> APIRouter:
    """All routes of the pages and the API."""
    routes = new_router()
    add_workspace(routes, db, administering)
    add_members(routes, db, administering)
    add_api_keys(routes, keys, clock)
    return routes

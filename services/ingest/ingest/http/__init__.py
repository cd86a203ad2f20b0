"""The pages and the API of workspace and members. `webhooks.router` has the webhooks."""

from __future__ import annotations

from fastapi import APIRouter

from database import Database
from ingest.handlers import Administering
from ingest.http.members import add_members
from ingest.http.workspace import add_workspace


def router(db: Database, administering: Administering) -> APIRouter:
    """All routes of the pages and the API."""
    routes = APIRouter()
    add_workspace(routes, db, administering)
    add_members(routes, db, administering)
    return routes

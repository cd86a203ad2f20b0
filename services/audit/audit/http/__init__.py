"""The log's pages and API, for admins. Every route works in the session's workspace; what is not in it does not exist."""

from fastapi import APIRouter

from audit.http.api import ApiRoutes
from audit.http.exports import ExportRoutes
from audit.http.pages import PageRoutes
from audit.reader import Reader
from database import Database
from web import Pages


def routers(db: Database) -> tuple[APIRouter, ...]:
    """All routes of the service."""
    reader = Reader(db)
    exports = ExportRoutes(reader)
    return (PageRoutes(reader, Pages("audit")).router(), exports.router(), ApiRoutes(reader).router(), exports.api())


__all__ = ["routers"]

"""Retention's pages and API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter

from database import Database
from retention.domain.promises import Promise
from retention.evidence import Shelf
from retention.http.billing import BillingRoutes
from retention.http.sub_processors import add_sub_processors
from retention.http.trust import add_trust
from web import Pages
from web.routes import new_router


class Routes(Protocol):
    """Routes of requests for erasure, of one scope."""

    def add_to(self, routes: APIRouter) -> None:
        """Add them all."""


def router(
    billing: BillingRoutes,
    erasures: Sequence[Routes],
    db: Database,
    promises: Sequence[Promise],
    shelf: Shelf,
) -> APIRouter:
    """All routes of the service."""
    routes, pages = new_router(), Pages("retention")
    billing.add_to(routes)
    for scope in erasures:
        scope.add_to(routes)
    add_sub_processors(routes, pages, db)
    add_trust(routes, pages, promises, shelf, db)
    return routes

"""Retention's pages and API."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from database import Database
from retention.domain.promises import Promise
from retention.evidence import Shelf
from retention.http.billing import BillingRoutes
from retention.http.erasure import ErasureRoutes
from retention.http.report_erasure import ReportErasureRoutes
from retention.http.sub_processors import add_sub_processors
from retention.http.trust import add_trust
from web import Pages


def router(
    billing: BillingRoutes,
    erasure: ErasureRoutes,
    of_reports: ReportErasureRoutes,
    db: Database,
    promises: Sequence[Promise],
    shelf: Shelf,
) -> APIRouter:
    """All routes of the service."""
    routes, pages = APIRouter(), Pages("retention")
    billing.add_to(routes)
    erasure.add_to(routes)
    of_reports.add_to(routes)
    add_sub_processors(routes, pages, db)
    add_trust(routes, pages, promises, shelf, db)
    return routes

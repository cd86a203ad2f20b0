"""Retention's pages and API."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from retention.domain.sub_processors import SubProcessor
from retention.http.billing import BillingRoutes
from retention.http.sub_processors import add_sub_processors
from web import Pages


def router(billing: BillingRoutes, sub_processors: Sequence[SubProcessor]) -> APIRouter:
    """All routes of the service."""
    routes, pages = APIRouter(), Pages("retention")
    billing.add_to(routes)
    add_sub_processors(routes, pages, sub_processors)
    return routes

"""Retention's pages and API."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from database import Database
from retention.domain.plans import Catalogue
from retention.domain.sub_processors import SubProcessor
from retention.http.billing import add_billing
from retention.http.sub_processors import add_sub_processors
from web import Pages


def router(db: Database, catalogue: Catalogue, sub_processors: Sequence[SubProcessor]) -> APIRouter:
    """All routes of the service."""
    routes, pages = APIRouter(), Pages("retention")
    add_billing(routes, pages, db, catalogue)
    add_sub_processors(routes, pages, sub_processors)
    return routes

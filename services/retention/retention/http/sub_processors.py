"""`/sub-processors`, for everybody."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from retention.domain.sub_processors import SubProcessor
from web import Pages


def add_sub_processors(routes: APIRouter, pages: Pages, sub_processors: Sequence[SubProcessor]) -> None:
    """Add the public page."""

    @routes.get("/sub-processors")
    async def register(request: Request) -> Response:
        return pages.render(request, "sub_processors.html", None, sub_processors=sub_processors)

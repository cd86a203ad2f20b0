"""What the API is: the document for programs, and the same as a page for people. Open to everybody; nothing of a workspace is in it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from analysis.http.frame import Frame
from web.routes import new_router

_METHODS = ("get", "post", "put", "delete")


def read_document() -> bytes:
    """The document that `make openapi` wrote from the routes of all five services."""
    return (resources.files("web") / "openapi.json").read_bytes()


class DescriptionRoutes:
    """The routes."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/api/v1/openapi.json", self.document, methods=["GET"])
        router.add_api_route("/api/v1/docs", self.page, methods=["GET"])
        return router

    async def document(self) -> Response:
        """The OpenAPI document."""
        return Response(read_document(), media_type="application/json")

    async def page(self, request: Request) -> Response:
        """The same for people."""
        document: dict[str, Any] = json.loads(read_document())
        return self._frame.pages.render(
            request, "api_docs.html", None, document=document, groups=groups_of(document), schemes=schemes_of(document)
        )


def schemes_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The scopes of keys with their words, as the description of the key lists them."""
    lines = document["components"]["securitySchemes"]["apiKey"]["description"].splitlines()
    listed = (line.removeprefix("- `").partition("`: ") for line in lines if line.startswith("- `"))
    return [(scope, words) for scope, _, words in listed]


def groups_of(document: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The operations by tag, each with its path, method, scope and what it takes."""
    operations = [
        {"method": method.upper(), "path": path, **item[method]}
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    names = [tag["name"] for tag in document["tags"]]
    return [(name, [one for one in operations if name in one["tags"]]) for name in names]

"""Imports FastAPI without what it would make for OpenAPI's pages, which no service serves (`make openapi` writes the document).

FastAPI has a model for each part of an OpenAPI document, and pydantic builds what checks a model as soon as there is the class: a sixth
of a service's start. Deferred, it is built with the model's first use (pydantic's `defer_build`). Our own models are not deferred.
"""

from __future__ import annotations

from importlib import import_module

from pydantic import BaseModel, ConfigDict


def import_fastapi() -> None:
    """Import it, its models deferred. Nothing where it is imported already."""
    before = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import_module("fastapi")
    finally:
        BaseModel.model_config = before


import_fastapi()

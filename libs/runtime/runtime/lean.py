"""Imports FastAPI without what it would make for OpenAPI's pages, which no service serves (`make openapi` writes the document).

FastAPI has a model for each part of an OpenAPI document, and pydantic builds what checks a model as soon as there is the class: a sixth
of a service's start. Deferred, it is built with the model's first use (pydantic's `defer_build`). So are our own models from here on,
and what a route checks a body with: a millisecond of the first request to it. `complete` builds our models once a service has begun, so
that one that cannot be built is found at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib import import_module

from pydantic import BaseModel, ConfigDict
from pydantic.warnings import UnsupportedFieldAttributeWarning

# Whose models nobody asks for.
_UNUSED = "fastapi."


def import_fastapi() -> None:
    """Import it, its models deferred, and with them all that are made from now on. Nothing where it is imported already."""
    BaseModel.model_config = ConfigDict(defer_build=True)
    # FastAPI gives a body's parameter a name that pydantic does not use, and keeps that warning off where it makes it at once.
    warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)
    import_module("fastapi")


def complete() -> None:
    """Build what checks each model that is there, but for FastAPI's. Raises pydantic's errors for one that cannot be built."""
    for model in list(_below(BaseModel)):
        if not model.__pydantic_complete__ and not model.__module__.startswith(_UNUSED):
            model.model_rebuild()


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)


import_fastapi()

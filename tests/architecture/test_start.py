"""What a process that serves loads before it puts the service together: nothing that it does not need for that.

tests/e2e/test_ready.py asks the same of one that is ready. What is loaded late is imported by the images' test (image.py).
"""

from __future__ import annotations

import pytest

from architecture.late import early, told
from house.projects import Project, libraries, services

PROGRAM = """
import runtime.starting
import sys
import {package}.main, {package}.settings
made = {{
    f"{{name}}.{{each}}"
    for name, module in list(sys.modules.items())
    if name.partition(".")[0] in {ours}
    for each, kind in vars(module).items()
    if isinstance(kind, type) and kind.__module__ == name and "__dataclass_fields__" in vars(kind)
}}
tell(dataclasses=sorted(made))
"""

# A dataclass takes a millisecond to make, a Struct a fortieth of that (docs/decisions/0020): how many may be left.
MOST_DATACLASSES = 30


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_what_is_not_needed_to_begin_is_not_loaded(service: Project) -> None:
    ours = {one.name for one in libraries().values()} | {service.package}
    found = told(PROGRAM.format(package=service.package, ours=ours))
    assert {"asyncpg", "fastapi", "uvicorn", service.package} <= set(found["loaded"])
    assert early(found["loaded"]) == {}
    assert len(found["dataclasses"]) <= MOST_DATACLASSES, found["dataclasses"]
    assert not found["openapi"], "runtime.lean no longer defers what FastAPI has pydantic build for OpenAPI"


COMPLETED = """
import runtime.lean
from pydantic import BaseModel, ValidationError

class Found(BaseModel):
    number: int

built = [Found.__pydantic_complete__]
runtime.lean.complete()
built.append(Found.__pydantic_complete__)

class Broken(BaseModel):
    what: "Nowhere"

try:
    runtime.lean.complete()
    refused = False
except Exception as error:
    refused = type(error).__name__ == "PydanticUndefinedAnnotation"
tell(built=built, refused=refused)
"""


def test_models_are_built_once_the_service_has_begun_and_one_that_cannot_be_is_found() -> None:
    found = told(COMPLETED)
    assert found["built"] == [False, True]
    assert found["refused"]
    assert not found["openapi"]

"""What a process that serves loads before it puts the service together: nothing that it does not need for that.

tests/e2e/test_ready.py asks the same of one that is ready. What is loaded late is imported by the images' test (image.py).
"""

from __future__ import annotations

import pytest

from architecture.late import early, told
from house.projects import Project, services

PROGRAM = """
import runtime.starting
import {package}.main, {package}.settings
tell()
"""


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_what_is_not_needed_to_begin_is_not_loaded(service: Project) -> None:
    found = told(PROGRAM.format(package=service.package))
    assert {"asyncpg", "fastapi", "uvicorn", service.package} <= set(found["loaded"])
    assert early(found["loaded"]) == {}
    assert not found["openapi"], "runtime.lean no longer defers what FastAPI has pydantic build for OpenAPI"

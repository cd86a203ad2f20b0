"""What a service loads once it is ready, or with its first use, and never before: for the tests of that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NotRequired, TypedDict

# Each takes longer to load than our own modules together, or is for something else than serving.
LATE = {
    "the command line": ("typer", "rich"),
    "migrations": ("yoyo", "psycopg"),
    "Pub/Sub": ("google.pubsub_v1",),
    "Secret Manager": ("google.cloud.secretmanager_v1",),
    "Cloud KMS": ("google.cloud.kms_v1",),
    "what Google's clients share": ("google.api_core", "google.auth", "proto", "requests"),
    "object storage": ("gcloud", "aiohttp"),
    "requests to other companies": ("httpx", "httpcore", "h11"),
    "Stripe": ("stripe",),
    "tokens": ("jwt",),
    "pages": ("jinja2",),
    "models": ("openai", "anthropic", "httpx2"),
    "phone numbers": ("phonenumbers",),
    "files": ("typst", "docx"),
    "what people write": ("yaml",),
    "analysing calls": ("analysis.workers.calls", "analysis.models.answers", "analysis.domain.figures"),
    "tools": ("mcp", "analysis.tools.answers"),
    "the calendar": ("holidays",),
    "sending telemetry": ("opentelemetry.sdk", "opentelemetry.exporter"),
    "what others look for in vain": ("httpx._main", "pydantic.v1"),
}

# The last line that the process writes. A module that is kept from being imported stands in sys.modules as None.
TELL = """
def tell(**more):
    import json, sys
    from fastapi.openapi.models import OpenAPI
    loaded = sorted(name for name, module in sys.modules.items() if module is not None)
    print(json.dumps({"loaded": loaded, "openapi": OpenAPI.__pydantic_complete__, **more}))
"""


class Told(TypedDict):
    """The modules of a process, and whether pydantic has built what checks an OpenAPI document.

    Of one that has loaded a service which of its classes are dataclasses; of one that has put it together how many routes there are, and
    which statements were parsed; of one that has built its models which of them before and after, and whether a broken one was refused.
    """

    loaded: list[str]
    openapi: bool
    dataclasses: NotRequired[list[str]]
    built: NotRequired[list[bool]]
    refused: NotRequired[bool]
    routes: NotRequired[int]
    parsed: NotRequired[list[str]]


def told(program: str, environment: Mapping[str, str] | None = None) -> Told:
    """What a process says of itself that begins as a service does (`core.memory.load`) and runs `program`, which calls `tell()`."""
    begun = f"from core.memory import load\nload()\n{TELL}\n{program}"
    command = [sys.executable, "-W", "ignore", "-c", begun]
    given = dict(os.environ if environment is None else environment)
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: Told = json.loads(done.stdout.splitlines()[-1])
    return found


def early(loaded: list[str]) -> dict[str, set[str]]:
    """What of LATE is among these modules, and what it is for."""
    found = {what: set(names) & set(loaded) for what, names in LATE.items()}
    return {what: names for what, names in found.items() if names}

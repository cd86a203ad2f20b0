"""What a process that serves loads before it says that it is ready: nothing that it does not need for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from house.projects import Project, services

# Each takes longer to load than our own modules together, or is for something else than serving.
LATE = {
    "the command line": ("typer", "rich"),
    "migrations": ("yoyo", "psycopg"),
    "Pub/Sub": ("google.pubsub_v1",),
    "Secret Manager": ("google.cloud.secretmanager_v1",),
    "object storage": ("gcloud", "aiohttp"),
    "pages": ("jinja2",),
    "models": ("openai", "anthropic"),
    "files": ("typst", "docx"),
    "tools": ("mcp",),
    "the calendar": ("holidays",),
    "sending telemetry": ("opentelemetry.sdk",),
}
# Wraps the keyset, which the vault opens before it is ready; it brings an HTTP client along.
NEEDED = {"credential-vault": {"aiohttp"}}

PROGRAM = """
import json, sys
from core.memory import load
load()
import {package}.main, {package}.settings, runtime.serving
print(json.dumps(sorted(sys.modules)))
"""


def loaded(package: str) -> set[str]:
    """The modules of a process that is about to put the service together."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(package=package)]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_what_is_not_needed_to_begin_is_not_loaded(service: Project) -> None:
    found = loaded(service.package)
    assert {"asyncpg", "fastapi", "uvicorn", service.package} <= found
    early = {what: found & set(names) for what, names in LATE.items()}
    assert {what: names for what, names in early.items() if names - NEEDED.get(service.name, set())} == {}

"""What a service has loaded when it says that it is ready: its database is open and its keys are read, and no route is built yet."""

from __future__ import annotations

import asyncio

import pytest

from architecture.late import early, told
from contracts.registry import SERVICES
from local.stack import Stack

# Beside the one that runs, and without its background work: what that loads is loaded after.
PROGRAM = """
import asyncio
import runtime.starting
from importlib import import_module
from web import load_settings

async def ready(package):
    main = import_module(f"{{package}}.main")
    settings = load_settings(import_module(f"{{package}}.settings").Settings, main.SERVICE)
    async with main.compose(settings) as parts:
        app = parts.app()
        await parts._ready()
        built = [route.path for router in parts._routers for route in router.routes if vars(route).get("_waiting", 0) is None]
        tell(routes=len(app.routes), built=built, parsed=sorted(parts.db.queries._statements))

asyncio.run(ready("{package}"))
"""

# Statements that a service begins with; all others are parsed with their first use.
MOST_PARSED = 12


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_not_needed_to_be_ready_is_not_loaded(stack: Stack, service: str) -> None:
    program = PROGRAM.format(package=service.replace("-", "_"))
    environment = dict(stack.service_environment(service))
    # For the tests' own list of statements all of them are read.
    environment.pop("CALLMINE_STATEMENT_CAPTURE_DIR", None)
    found = await asyncio.to_thread(told, program, environment)
    assert {"asyncpg", "fastapi", "grpc"} <= set(found["loaded"])
    # Not even Google's clients: the keys that it begins with are mounted.
    assert early(found["loaded"]) == {}
    assert not found["openapi"]
    assert found["routes"] > 0
    assert found["built"] == []
    assert {"database_ready", "roles_unsafe"} <= set(found["parsed"])
    assert len(found["parsed"]) <= MOST_PARSED, found["parsed"]

"""A service that is not told what it needs does not start, and says all that is missing."""

from __future__ import annotations

import importlib

import pytest

from contracts.registry import SERVICES
from e2e.commands import command
from local.stack import Stack
from web import ServiceSettings

CONFIGURATION = 78  # sysexits.h, EX_CONFIG


def _required(service: str) -> set[str]:
    settings: type[ServiceSettings] = importlib.import_module(f"{service.replace('-', '_')}.settings").Settings
    return {f"CALLMINE_{name.upper()}" for name, field in settings.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("service", SERVICES)
async def test_everything_that_is_missing_is_listed_at_once(stack: Stack, service: str) -> None:
    whole = stack.service_environment(service)
    bare = {name: value for name, value in whole.items() if not name.startswith("CALLMINE_")}
    ended = await command(stack, service, "serve", environment=bare)
    assert ended.status == CONFIGURATION
    assert {name for name in _required(service) if f"{name} is missing" not in ended.errors} == set()


async def test_what_is_set_is_not_printed(stack: Stack) -> None:
    service = "audit"
    whole = stack.service_environment(service)
    broken = {**whole, "CALLMINE_PORT": "secret-port", "CALLMINE_CLERK_ISSUER": "http://secret-issuer.example"}
    del broken["CALLMINE_PROJECT"]
    ended = await command(stack, service, "serve", environment=broken)
    assert ended.status == CONFIGURATION
    for line in ("CALLMINE_PROJECT is missing", "CALLMINE_PORT is malformed", "CALLMINE_CLERK_ISSUER is malformed"):
        assert line in ended.errors
    secrets = {value for name, value in whole.items() if name.endswith(("_URL", "_TOKEN")) and "@" in value}
    for value in {"secret-port", "secret-issuer", whole["CALLMINE_IDENTITY_TOKEN"], *secrets}:
        assert value not in ended.errors + ended.output

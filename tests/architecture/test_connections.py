"""Nothing but `egress` opens connections to other companies; who else opens any is listed with the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from architecture.test_sources import deployed
from house.connections import ALLOWED, allowed, connections, forbidden


def modules() -> Iterator[tuple[Path, str]]:
    """Every file that goes into an image, with its module's name."""
    for project in deployed():
        for path in project.sources:
            if path.is_relative_to(project.folder):
                parts = list(path.relative_to(project.folder).with_suffix("").parts)
                yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def found(text: str, module: str = "ingest.gong.client") -> list[str]:
    return [one.what for one in connections(module, text) if allowed(one) is None]


def test_nothing_else_opens_connections() -> None:
    assert [problem for path, module in modules() for problem in forbidden(path, module)] == []


def test_all_services_and_libraries_are_looked_at() -> None:
    looked_at = {module.split(".")[0] for _, module in modules()}
    services = {"ingest", "analysis", "credential_vault", "audit", "retention"}
    assert looked_at >= services | {"egress", "cloud", "web", "messaging", "database", "runtime", "contracts", "core"}


def test_every_permission_is_used() -> None:
    used = {
        allowed(one)
        for path, module in modules()
        for one in connections(module, path.read_text(), package=path.name == "__init__.py")
    }
    assert ALLOWED.keys() - used == set()
    assert all(ALLOWED.values())


@pytest.mark.parametrize(
    "text",
    [
        "import requests",
        "import httpx",
        "import httpx2",
        "from httpx import AsyncClient",
        "import httpcore",
        "import aiohttp",
        "import urllib3",
        "import urllib.request",
        "from urllib import request",
        "from urllib.request import urlopen",
        "from http.client import HTTPSConnection",
        "from http import client",
        "import http.client as c",
        "def late():\n    import socket",
        "import ssl",
        "import importlib\nimportlib.import_module('requests')",
        "requests = __import__('requests')",
        "import asyncio\nasync def f():\n    await asyncio.open_connection('10.0.0.1', 443)",
        "from asyncio import open_connection",
        "async def f(loop):\n    await loop.create_connection(Protocol, 'evil.example', 443)",
        "connect = loop.sock_connect",
        "import smtplib",
        "import websockets",
        "import subprocess",
        "import asyncio\nasync def f():\n    await asyncio.create_subprocess_exec('curl', url)",
        "import os\nos.system('curl')",
        "import grpc",
        "from google.cloud import storage",
        "import anyio\nasync def f():\n    await anyio.connect_tcp('evil.example', 443)",
        "import jwt\nkeys = jwt.PyJWKClient(url)",
        "from jwt import PyJWKClient",
        "import slack_sdk",
    ],
)
def test_another_way_out_is_found(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize("client", ["openai.AsyncOpenAI", "anthropic.AsyncAnthropic", "AsyncOpenAI", "StripeClient"])
def test_an_sdk_without_a_client_of_egress_is_found(client: str) -> None:
    with_own = [f"{client}(api_key=key)", f"{client}(http_client=httpx2.AsyncClient())", f"{client}(http_client=None)"]
    for text in with_own:
        assert found(text, "analysis.models.catalog")
    through = "ThroughEgress(egress, timeout)" if client == "StripeClient" else "egress.httpx2_client(OPENAI, timeout)"
    assert not found(f"{client}(http_client={through})", "analysis.models.catalog")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("egress.client", "import httpcore"),
        ("egress.client", "import socket"),
        ("cloud.objects", "import requests"),
        ("cloud.objects", "import httpx"),
        ("messaging.outbox", "import grpc"),
        ("analysis.workers.pool", "import openai"),
        ("web.app", "import uvicorn"),
        ("database.pool", "from google.cloud import storage"),
    ],
)
def test_a_permission_is_for_one_place_and_one_thing(module: str, text: str) -> None:
    assert found(text, module)


@pytest.mark.parametrize(
    "text",
    ["from urllib.parse import urlencode", "from http import HTTPStatus", "import asyncio", "from google.protobuf import message",
     "await egress.request('gong', 'GET', '/v2/users')", "from egress import Egress", "import jwt"],
)  # fmt: skip
def test_what_speaks_to_nobody_is_in_order(text: str) -> None:
    ast.parse(text)
    assert not found(text)

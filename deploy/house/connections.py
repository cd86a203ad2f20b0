"""What opens connections, and who may: everything that Callmine's own code sends to another company goes through `egress`.

`connections` finds in one module whatever could speak to another machine: imports of clients, sockets and TLS, the calls that open a
connection by themselves, other programs, and SDKs' clients that were given no client of `egress`. `ALLOWED` says who may, with the reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from house.imports import imports_of, within

# Packages that connect to other machines, or that a connection is made of.
CLIENTS = frozenset(
    [
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "h11",
        "h2",
        "requests",
        "urllib3",
        "aiohttp",
        "urllib.request",
        "http.client",
        "xmlrpc",
        "websockets",
        "websocket",
        "pycurl",
        "socket",
        "_socket",
        "ssl",
        "_ssl",
        "socketserver",
        "asyncio.streams",
        "asyncio.sslproto",
        "anyio",
        "trio",
        "multiprocessing",
        "smtplib",
        "ftplib",
        "imaplib",
        "poplib",
        "nntplib",
        "telnetlib",
        "dns",
        "paramiko",
        "grpc",
        "grpclib",
        "gcloud",
        "google.api_core",
        "google.auth",
        "google.oauth2",
        "google.cloud",
        "google.pubsub",
        "google.pubsub_v1",
        "openai",
        "anthropic",
        "stripe",
        "slack_sdk",
        "hubspot",
        "clerk_backend_api",
        "asyncpg",
        "psycopg",
        "yoyo",
        "redis",
        "boto3",
        "sentry_sdk",
        "opentelemetry",
        "uvicorn",
        "subprocess",
    ]
)

# Names that open a connection or start a program although their package does harmless things as well.
CALLS = frozenset(
    [
        "open_connection",
        "open_unix_connection",
        "create_connection",
        "create_unix_connection",
        "create_datagram_endpoint",
        "sock_connect",
        "start_tls",
        "connect_tcp",
        "urlopen",
        "secure_channel",
        "insecure_channel",
        "PyJWKClient",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "Popen",
        "popen",
        "system",
        "posix_spawn",
        "posix_spawnp",
        "execv",
        "execve",
        "execvp",
        "execvpe",
        "spawnv",
        "spawnve",
    ]
)

# The clients of SDKs, each of which opens its own connections unless it is given `http_client=egress.httpx2_client(…)`; Stripe's takes a
# client of its own kind, which retention's sends everything through egress.
SDK_CLIENTS = frozenset(
    [
        "OpenAI",
        "AsyncOpenAI",
        "AzureOpenAI",
        "AsyncAzureOpenAI",
        "Anthropic",
        "AsyncAnthropic",
        "AnthropicVertex",
        "AsyncAnthropicVertex",
        "AnthropicBedrock",
        "AsyncAnthropicBedrock",
        "StripeClient",
    ]
)


@dataclass(frozen=True, slots=True)
class Found:
    """`module` uses on `line` something that can speak to another machine."""

    module: str
    what: str
    line: int


ALLOWED: Final[Mapping[tuple[str, str], str]] = {
    ("egress", "httpx"): "the one way out",
    ("egress.sdk", "httpx2"): "the one way out, for providers' SDKs",
    ("egress.client", "httpx2"): "the type of that client",
    ("egress.transport", "httpcore"): "connects for httpx to addresses that were judged",
    ("egress.transport", "connect_tcp"): "connects for httpx to addresses that were judged",
    ("egress.sdk", "httpcore2"): "connects for httpx2 to addresses that were judged",
    ("egress.sdk", "connect_tcp"): "connects for httpx2 to addresses that were judged",
    ("egress.dialling", "socket"): "looks names up",
    ("egress", "ssl"): "what TLS the way out speaks",
    ("database.migrations", "psycopg"): "the names of errors; yoyo connects",
    ("cloud", "google"): "Google's own clients: secrets, keys",
    ("cloud", "grpc"): "the channel of Google's own clients",
    ("cloud", "secure_channel"): "the channel of Google's own clients",
    ("cloud.storage", "aiohttp"): "the type of those connections",
    ("cloud.storage", "gcloud.aio.storage"): "the type of the storage client",
    ("cloud.session", "aiohttp"): "the connections of the storage client",
    ("cloud.session", "gcloud.aio.storage"): "the storage client",
    ("cloud.session", "requests"): "fetches the process's own identity from Google",
    ("cloud.session", "ssl"): "what TLS storage is spoken to with",
    ("cloud.engine", "insecure_channel"): "a channel that never connects",
    ("messaging.google", "google"): "Google's own client: Pub/Sub",
    ("messaging.google", "grpc"): "the channel of Google's own client",
    ("messaging.google", "secure_channel"): "the channel of Google's own client",
    ("runtime.assembly", "grpc"): "holds that channel and closes it",
    ("database", "asyncpg"): "the service's own database",
    ("database", "yoyo"): "the service's own database, for migrations",
    ("database.connect", "google.cloud.sql"): "Google's own connector to the service's database",
    ("database.connect", "google.auth"): "the account that the connector logs in as",
    (
        "telemetry",
        "opentelemetry",
    ): "keeps spans and metrics in memory and puts them into bytes; they leave through egress",
    ("web.server", "uvicorn"): "listens, and connects to nobody",
    (
        "analysis.exporting.press",
        "create_subprocess_exec",
    ): "its own interpreter, to make one file: without the service's credentials, running `analysis.exporting`",
    ("analysis.models", "openai"): "made with a client of egress",
    ("analysis.models", "anthropic"): "made with a client of egress",
    ("retention.stripe", "stripe"): "made with a client of egress",
}


def connections(module: str, text: str, *, package: bool = False) -> Iterator[Found]:
    """Everything in the `text` of `module` that can speak to another machine, allowed or not."""
    for one in imports_of(module, text, package=package):
        last = one.imported.rsplit(".", 1)[-1]
        if within(one.imported, CLIENTS):
            yield Found(module, one.imported, one.line)
        elif last in CALLS:
            yield Found(module, last, one.line)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in CALLS:
            yield Found(module, node.attr, node.lineno)
        elif isinstance(node, ast.Call) and _name(node.func) in SDK_CLIENTS and not _through_egress(node):
            yield Found(module, f"{_name(node.func)} without a client of egress", node.lineno)


def allowed(found: Found) -> tuple[str, str] | None:
    """The entry of ALLOWED that permits `found`, the most exact one; None where there is none."""
    entries = [key for key in ALLOWED if within(found.module, [key[0]]) and within(found.what, [key[1]])]
    return max(entries, key=lambda key: (len(key[0]), len(key[1])), default=None)


def forbidden(path: Path, module: str) -> list[str]:
    """What the file at `path` opens and may not, as `file:line: what`."""
    found = connections(module, path.read_text(), package=path.name == "__init__.py")
    return [
        f"{path}:{one.line}: {one.what} can speak to another machine: send it with egress"
        for one in found
        if allowed(one) is None
    ]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _through_egress(call: ast.Call) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "http_client"]
    wanted = "ThroughEgress" if _name(call.func) == "StripeClient" else "httpx2_client"
    return bool(given) and isinstance(given[0], ast.Call) and _name(given[0].func) == wanted

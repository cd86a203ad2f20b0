"""What a service is told by its environment: one frozen object, built once in `main`, complete or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from core.errors import MissingSettings

PREFIX = "CALLMINE_"


def _https(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("not an https address")
    return text.rstrip("/")


def _browser_url(text: str) -> str:
    parts = urlsplit(text)
    if not (parts.scheme == "https" or _is_local(parts)) or not parts.hostname:
        raise ValueError("not an address for browsers")
    return text.rstrip("/")


def _is_local(parts: SplitResult) -> bool:
    # The browser's hop to the front door on loopback is the one place where http is right; elsewhere it is https.
    return parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}


def _origin(text: str) -> str:
    parts = urlsplit(_browser_url(text))
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("not an origin")
    return f"{parts.scheme}://{parts.netloc}"


def _comma_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


HttpsUrl = Annotated[str, BeforeValidator(_https)]
BrowserUrl = Annotated[str, BeforeValidator(_browser_url)]
Origin = Annotated[str, BeforeValidator(_origin)]
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_list)]


class ServiceSettings(BaseSettings):
    """The settings every service has. A field `x` is read from `CALLMINE_X`; an empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    project: str = Field(description="the Google Cloud project")
    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(ge=0, le=65535, description="the port to listen on, 0 to 65535")
    tls_cert: Path | None = Field(default=None, description="file with the certificate chain to serve (PEM)")
    tls_key: Path | None = Field(default=None, description="file with the key of that certificate (PEM)")
    ca_file: Path | None = Field(default=None, description="file with the authority to trust for outgoing TLS (PEM)")

    app_database_url: SecretStr = Field(description="PostgreSQL address for the service's own role")
    sweep_database_url: SecretStr = Field(description="PostgreSQL address for the role of cross-workspace statements")
    owner_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL address for the role that owns the tables; only `migrate` needs it"
    )
    idle_transaction_seconds: float = Field(
        default=60,
        ge=1,
        le=3_600,
        description="seconds without a statement after which PostgreSQL ends a transaction: a process that stands still keeps no locks",
    )

    pubsub_endpoint: str = Field(default="", description="host:port of Pub/Sub where it is not Google's")
    secrets_endpoint: str = Field(default="", description="host:port of Secret Manager where it is not Google's")
    secrets_folder: Path | None = Field(
        default=None, description="the folder that secrets are mounted in; those that are not there are asked for"
    )
    storage_endpoint: str = Field(default="", description="https address of object storage where it is not Google's")
    identity_token: SecretStr | None = Field(default=None, description="bearer token for those local endpoints")
    bucket: str = Field(description="the bucket calls and transcripts are kept in")

    topology_file: Path = Field(
        default=Path("deploy/topology.yaml"), description="the file that says which service listens to which topic"
    )
    operator_service_account: str = Field(
        default="", description="email of the service account that may use /operator; without one it is not served"
    )

    # Only the commands `staff …` need these (docs/staff-access.md).
    staff_accounts: CommaList = Field(
        default=(), description="addresses of the Google accounts of our staff, separated by commas"
    )
    staff_audience: str = Field(default="", description="audience of the identity tokens by which staff are known")
    staff_identity_token: SecretStr | None = Field(
        default=None, description="Google's identity token of the person at the keyboard"
    )
    staff_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL address for the role that staff read as, under a grant"
    )

    clerk_issuer: HttpsUrl = Field(description="https address that Clerk's session tokens name as issuer")
    clerk_jwks_url: HttpsUrl = Field(description="https address of Clerk's signing keys")
    clerk_authorized_parties: CommaList = Field(
        min_length=1, description="origins a session token may be made for, separated by commas"
    )
    sign_in_url: BrowserUrl = Field(description="address of the hosted sign-in page")
    sign_out_url: BrowserUrl | None = Field(
        default=None, description="address of the hosted sign-out page; `sign-out` beside sign-in if not set"
    )
    switch_workspace_url: BrowserUrl | None = Field(
        default=None, description="address of the hosted page where a person chooses another workspace"
    )
    clerk_script_url: BrowserUrl | None = Field(default=None, description="address of Clerk's browser script")
    clerk_publishable_key: str = Field(default="", description="the publishable key for Clerk's browser script")
    public_url: Origin = Field(description="the origin browsers use: https://host, or http on loopback")

    push_audience: str = Field(default="", description="audience of the tokens Pub/Sub pushes with")
    push_issuer: HttpsUrl = Field(default="https://accounts.google.com", description="issuer of those tokens")
    # Google's published certificates for ID tokens, https://developers.google.com/identity/openid-connect
    push_jwks_url: HttpsUrl = Field(
        default="https://www.googleapis.com/oauth2/v3/certs", description="https address of that issuer's keys"
    )
    push_service_account: str = Field(default="", description="email of the service account that pushes")

    telemetry_endpoint: HttpsUrl | None = Field(
        default=None, description="https address that traces and metrics are sent to (OTLP); nothing is sent without"
    )
    trace_ratio: float = Field(default=0.1, ge=0, le=1, description="the share of traces that are recorded, 0 to 1")
    telemetry_seconds: float = Field(
        default=60, ge=0.2, le=3_600, description="seconds between two readings of the metrics that are sent"
    )

    # A program that asks ten times a second is not held up; one that has run wild is, before anybody else notices it (docs/api.md).
    api_key_requests: int = Field(default=600, ge=1, description="requests a minute that one API key may make")
    api_workspace_requests: int = Field(
        default=1_200, ge=1, description="requests a minute of all API keys of a workspace together"
    )
    api_key_costly_requests: int = Field(
        default=30, ge=1, description="runs, previews and exports a minute that one API key may ask for"
    )
    api_workspace_costly_requests: int = Field(
        default=60, ge=1, description="runs, previews and exports a minute of all API keys of a workspace together"
    )

    statement_capture_dir: Path | None = Field(
        default=None,
        description="for tests: writes the text of each distinct statement, without values, into this folder",
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY are set both or neither")
        return self


S = TypeVar("S", bound=ServiceSettings)


def load_settings(cls: type[S], service: str) -> S:
    """The settings of `service`. Raises MissingSettings that lists every missing or malformed variable, never a value."""
    try:
        return cls()
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
        raise MissingSettings(service, [_problem(cls, detail) for detail in details]) from None
    except SettingsError as error:
        raise MissingSettings(service, [_unreadable(cls, str(error))]) from None


def _problem(cls: type[ServiceSettings], detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    name = str(detail["loc"][0])
    state = "is missing" if detail["type"] == "missing" else "is malformed"
    return _line(cls, name, state)


def _unreadable(cls: type[ServiceSettings], message: str) -> str:
    """pydantic-settings names the field in quotes; its cause, which holds the value, is not shown."""
    found = re.search(r'field "(\w+)"', message)
    return _line(cls, found.group(1), "is malformed") if found else "the environment cannot be read"


def _line(cls: type[ServiceSettings], name: str, state: str) -> str:
    field = cls.model_fields.get(name)
    wanted = f": {field.description}" if field is not None and field.description else ""
    return f"{PREFIX}{name.upper()} {state}{wanted}"

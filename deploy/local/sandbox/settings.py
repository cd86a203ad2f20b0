"""What the sandbox is told by whoever starts it: one JSON file, checked whole before anything listens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

SHIPPED_CALLS = Path(__file__).parent / "calls"
GONG_PAGE_SIZE = 100
"""Records a page of the Gong API; the vendor's own number."""
GONG_REQUESTS_PER_SECOND = 3.0
"""Gong's limit per company; above it, 429 with Retry-After."""
GONG_REQUESTS_PER_DAY = 10_000
"""Gong's daily limit per company."""
HUBSPOT_REQUESTS = 110
"""Requests of an OAuth app to one account in each ten seconds; above it, 429 with the policy's name."""
HUBSPOT_SEARCHES_PER_SECOND = 5
"""HubSpot's limit for searches."""
SESSION_SECONDS = 60
"""Life of a Clerk session token."""

Secret = Annotated[SecretStr, Field(min_length=8)]


class SettingsError(Exception):
    """The configuration cannot be used; the text lists every fault and what to write instead."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TlsSettings(_Section):
    """Paths of the PEM certificate chain and key, and of the CA that the sandbox itself trusts when it calls out."""

    certificate: Path
    key: Path
    trusted_ca: Path | None = None


class GongTenant(_Section):
    """One company on Gong: the workspace folder whose calls it owns, and the key pair that opens it."""

    workspace: str
    access_key: Secret
    access_key_secret: Secret


class GongSettings(_Section):
    """The tenants and the limits. ``requests_per_second = None`` lifts both limits."""

    tenants: tuple[GongTenant, ...]
    page_size: int = Field(default=GONG_PAGE_SIZE, ge=1, le=GONG_PAGE_SIZE)
    requests_per_second: float | None = Field(default=GONG_REQUESTS_PER_SECOND, gt=0)
    requests_per_day: int = Field(default=GONG_REQUESTS_PER_DAY, ge=1)


class HubSpotSettings(_Section):
    """The limits of each account. ``requests = None`` lifts them; ``requests_per_day`` is unlimited for an OAuth app unless set."""

    requests: int | None = Field(default=HUBSPOT_REQUESTS, ge=1)
    searches_per_second: int = Field(default=HUBSPOT_SEARCHES_PER_SECOND, ge=1)
    requests_per_day: int | None = Field(default=None, ge=1)
    page_size: int = Field(default=500, ge=1, le=500)


class ModelSettings(_Section):
    """The keys the two language-model providers accept."""

    openai_api_key: Secret
    anthropic_api_key: Secret


class ClerkSettings(_Section):
    """Clerk as one front door sees it.

    ``issuer`` is the ``iss`` of every token (default: the public URL of the sandbox plus ``/clerk``); ``front_door_origin``
    the ``azp`` (default: the origin of the request that asks for the token); ``link_prefix`` the path under which a
    browser reaches ``/clerk``. ``webhook_url`` must be https; without it no webhook is sent.
    ``secret_key`` opens the back-end API; without it nothing does.
    """

    issuer: str | None = None
    front_door_origin: str | None = None
    link_prefix: str = "/sandbox/clerk"
    session_seconds: int = Field(default=SESSION_SECONDS, ge=5)
    webhook_url: str | None = Field(default=None, pattern=r"^https://")
    webhook_secret: SecretStr | None = None
    secret_key: Secret | None = None

    @model_validator(mode="after")
    def _webhook_is_complete(self) -> Self:
        secret = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        if self.webhook_url and not re.fullmatch(r"whsec_[A-Za-z0-9+/=]{16,}", secret):
            raise ValueError("webhook_url needs webhook_secret: whsec_ and base64, known to the receiver too")
        return self


class OAuthClient(_Section):
    """An application registered with a provider. Only these redirect addresses are ever led back to, letter for letter."""

    client_id: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")
    client_secret: Secret
    redirect_uris: Annotated[tuple[str, ...], Field(min_length=1)]

    @field_validator("redirect_uris")
    @classmethod
    def _redirects_are_safe(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for uri in given:
            if not re.fullmatch(r"(https://[^\s#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?/[^\s#@]*)", uri):
                raise ValueError("a redirect address is https, or http on loopback, and has no fragment")
        return given


class OAuthSettings(_Section):
    """One provider's applications. ``rotation`` and ``access_seconds`` replace the vendor's own behaviour where given."""

    clients: tuple[OAuthClient, ...] = ()
    rotation: bool | None = None
    access_seconds: int | None = Field(default=None, ge=1)


class OAuthProviders(_Section):
    """The OAuth servers. ``keep`` writes what they remember to ``data_dir``, so that a restart ends no connection."""

    gong: OAuthSettings = OAuthSettings()
    hubspot: OAuthSettings = OAuthSettings()
    slack: OAuthSettings = OAuthSettings()
    keep: bool = False


class StripePrice(_Section):
    """A price at Stripe: monthly, or paid once. ``amount`` is in the currency's smallest unit."""

    id: str = Field(pattern=r"^price_[A-Za-z0-9_]+$")
    amount: int = Field(ge=0)
    currency: str = "usd"
    monthly: bool = True


class StripeSettings(_Section):
    """Stripe with the prices of Callmine's own plans file.

    ``secret_key`` opens the API; without it nothing does. ``browser_url`` is where a browser reaches ``/stripe`` (default: the sandbox
    itself). ``webhook_url`` must be https; without it no webhook is sent. ``keep`` writes the ledger to ``data_dir``.
    """

    secret_key: Secret | None = None
    webhook_url: str | None = Field(default=None, pattern=r"^https://")
    webhook_secret: Secret | None = None
    browser_url: str | None = None
    prices: tuple[StripePrice, ...] = (
        StripePrice(id="price_callmine_starter", amount=9900),
        StripePrice(id="price_callmine_growth", amount=29900),
        StripePrice(id="price_callmine_scale", amount=99900),
        StripePrice(id="price_callmine_addon", amount=4900, monthly=False),
    )
    keep: bool = False

    @model_validator(mode="after")
    def _webhook_is_complete(self) -> Self:
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("webhook_url needs webhook_secret, known to the receiver too")
        return self


class SandboxSettings(_Section):
    """The whole configuration. ``port = 0`` takes a free port, which ``ready_file`` (if given) then tells."""

    tls: TlsSettings
    data_dir: Path
    admin_token: Secret
    gong: GongSettings
    hubspot: HubSpotSettings = HubSpotSettings()
    models: ModelSettings
    clerk: ClerkSettings = ClerkSettings()
    oauth: OAuthProviders = OAuthProviders()
    stripe: StripeSettings = StripeSettings()
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    public_url: str | None = Field(default=None, pattern=r"^https://")
    ready_file: Path | None = None
    calls_dir: Path = SHIPPED_CALLS
    calls_file: Path | None = None
    google_certs_file: Path | None = None
    seed: int = 1

    @property
    def base_url(self) -> str:
        """Where the sandbox is reached by the services, without a closing slash."""
        return (self.public_url or f"https://localhost:{self.port}").rstrip("/")

    @property
    def issuer(self) -> str:
        """The ``iss`` of every Clerk token; its ``/.well-known/jwks.json`` is served by the sandbox."""
        return (self.clerk.issuer or f"{self.base_url}/clerk").rstrip("/")


def read_settings(path: Path) -> SandboxSettings:
    """Settings from a JSON file. Raises :class:`SettingsError` naming every faulty field, never a value."""
    try:
        return SandboxSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}; give --config the path of a JSON file") from error
    except ValidationError as error:
        faults = "\n".join(
            f"  {'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(f"{path} cannot be used; correct these fields:\n{faults}") from error

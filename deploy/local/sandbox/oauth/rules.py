"""How one provider's tokens behave; tests may change it while the sandbox runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from local.sandbox.settings import OAuthSettings
from local.sandbox.vendors import Provider

Seconds = Annotated[int, Field(ge=1)]


class Rules(BaseModel):
    """Lifetimes in seconds (``None``: no end) and what departs from a plain grant.

    ``rotation`` makes a refresh token good for one use. ``extra_scopes`` are granted on top of what was agreed to, and
    ``api_base_url`` is what Gong names as the customer's address instead of the sandbox's own: both for tests of a client
    that must not believe everything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code_seconds: Seconds
    access_seconds: Seconds | None
    refresh_seconds: Seconds | None = None
    rotation: bool
    extra_scopes: tuple[str, ...] = ()
    api_base_url: str | None = None


_VENDORS = {
    Provider.GONG: Rules(code_seconds=60, access_seconds=86_400, rotation=True),
    Provider.HUBSPOT: Rules(code_seconds=60, access_seconds=1_800, rotation=False),
    Provider.SLACK: Rules(code_seconds=600, access_seconds=43_200, rotation=True),
}


def vendor_rules(provider: Provider, settings: OAuthSettings) -> Rules:
    """The vendor's own numbers, with what the settings change."""
    changes: dict[str, object] = {}
    if settings.rotation is not None:
        changes["rotation"] = settings.rotation
    if settings.access_seconds is not None:
        changes["access_seconds"] = settings.access_seconds
    return _VENDORS[provider].model_copy(update=changes)

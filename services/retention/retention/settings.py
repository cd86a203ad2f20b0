"""What retention is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from web.settings import HttpsUrl, ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and retention's own."""

    plans_file: Path | None = Field(
        default=None, description="file with the plans, where they differ from the service's own"
    )
    stripe_base_url: HttpsUrl = Field(default="https://api.stripe.com", description="https address of Stripe's API")

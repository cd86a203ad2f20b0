"""What retention is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from web.settings import CommaList, HttpsUrl, ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and retention's own."""

    plans_file: Path | None = Field(
        default=None, description="file with the plans, where they differ from the service's own"
    )
    stripe_base_url: HttpsUrl = Field(default="https://api.stripe.com", description="https address of Stripe's API")
    ledger_bucket: str = Field(
        default="",
        description="the bucket that the ledger of erasures is kept in; the one of calls where it is not set",
    )
    evidence_file: Path | None = Field(
        default=None, description="file with the evidence that `make trust` made; without one nothing is proven"
    )
    evidence_keys: CommaList = Field(
        default=(), description="public keys that evidence is signed with, name+id+base64, separated by commas"
    )

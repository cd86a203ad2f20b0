"""What the vault is told by its environment."""

from __future__ import annotations

from pydantic import Field

from web.settings import HttpsUrl, ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and the vault's own."""

    gong_base_url: HttpsUrl = Field(
        default="https://api.gong.io", description="https address of Gong's API where a customer gives none"
    )
    ingest_sealing_public_key: str = Field(description="public half of ingest's sealing key, base64")
    analysis_sealing_public_key: str = Field(description="public half of analysis' sealing key, base64")
    # Long enough for a run of a few hundred calls at Gong's limits; an expired grant is simply asked for again.
    grant_seconds: int = Field(default=1800, ge=60, le=3600, description="seconds that a grant can be opened for")

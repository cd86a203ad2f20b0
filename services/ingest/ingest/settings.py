"""What ingest is told by its environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ingest.gong.limits import REQUESTS_PER_SECOND
from ingest.workers.batches import MOST_CALLS
from ingest.workers.loading import TRANSCRIPT_WAITS
from ingest.workers.preview import LIST_SECONDS
from web.settings import HttpsUrl, Origin, ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and ingest's own."""

    gong_base_url: HttpsUrl = Field(
        default="https://api.gong.io", description="https address of Gong's API; a grant may name another one at Gong"
    )
    hubspot_base_url: HttpsUrl = Field(default="https://api.hubapi.com", description="https address of HubSpot's API")
    webhooks_url: Origin | None = Field(
        default=None, description="the https origin at which providers reach /webhooks; public_url if not set"
    )
    clerk_api_url: HttpsUrl = Field(
        default="https://api.clerk.com/v1", description="https address of Clerk's back-end API"
    )
    gong_requests_per_second: float = Field(
        default=REQUESTS_PER_SECOND, ge=0, description="requests a second to one company's Gong; 0 lifts the limit"
    )
    fetch_concurrency: int = Field(default=4, ge=1, le=64, description="fetch jobs worked on at once in one process")
    fetch_batch_calls: int = Field(
        default=MOST_CALLS, ge=1, le=MOST_CALLS, description="transcripts asked for together, at most 100"
    )
    fetch_in_flight: int = Field(default=4, ge=1, le=16, description="such requests of one fetch job at once")
    transcript_waits: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=TRANSCRIPT_WAITS, description="seconds after which a transcript that is not ready is asked for again"
    )
    held_days: int = Field(
        default=30, ge=0, description="days after which a call that is held is fetched anew; 0 holds none"
    )
    list_seconds: int = Field(
        default=LIST_SECONDS,
        ge=0,
        description="seconds for which a list of calls may answer other previews; 0 keeps none",
    )

    @property
    def webhooks_origin(self) -> str:
        """The origin that signed addresses of webhooks begin with."""
        return self.webhooks_url or self.public_url

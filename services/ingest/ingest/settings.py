"""What ingest is told by its environment."""

from __future__ import annotations

from pydantic import Field

from ingest.gong.limits import REQUESTS_PER_SECOND
from ingest.workers.fetch import BATCH_CALLS
from web.settings import HttpsUrl, Origin, ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and ingest's own."""

    gong_base_url: HttpsUrl = Field(
        default="https://api.gong.io", description="https address of Gong's API; a grant may name another one at Gong"
    )
    webhooks_url: Origin | None = Field(
        default=None, description="the https origin at which providers reach /webhooks; public_url if not set"
    )
    gong_requests_per_second: float = Field(
        default=REQUESTS_PER_SECOND, ge=0, description="requests a second to one company's Gong; 0 lifts the limit"
    )
    fetch_concurrency: int = Field(default=4, ge=1, le=64, description="fetch jobs worked on at once in one process")
    fetch_batch_calls: int = Field(default=BATCH_CALLS, ge=1, le=100, description="calls fetched together, at most 100")

    @property
    def webhooks_origin(self) -> str:
        """The origin that signed addresses of webhooks begin with."""
        return self.webhooks_url or self.public_url

"""What audit is told by its environment."""

from __future__ import annotations

from pydantic import Field

from web import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and audit's own."""

    # A log's name is signed with each of its checkpoints: it never changes, whatever the address of the pages.
    log_origin: str = Field(
        default="callmine.ai/audit",
        pattern=r"^[a-z0-9][a-z0-9./-]{0,100}$",
        description="what the names of the logs begin with",
    )
    stream_sandbox_url: str = Field(
        default="",
        pattern=r"^(https://localhost(:[0-9]{1,5})?(/[a-z]+)*)?$",
        description="https address on this machine that logs may be streamed to, for a sandbox; empty elsewhere",
    )
    seal_seconds: float = Field(
        default=0.5, gt=0, le=60, description="seconds between two looks at entries to be sealed"
    )
    anchor_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="seconds between two looks at logs whose heads go into the global log"
    )

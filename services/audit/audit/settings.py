"""What audit is told by its environment."""

from __future__ import annotations

from web import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service; audit has none of its own."""

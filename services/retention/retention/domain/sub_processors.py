"""Who processes customer data for Callmine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class SubProcessor:
    """Somebody who processes customer data for Callmine."""

    name: str
    purpose: str
    data: str
    listed_on: date

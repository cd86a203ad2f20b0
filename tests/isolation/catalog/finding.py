"""One thing that is not as it must be, and the names of the roles of a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import asyncpg

from contracts.registry import STAFFED

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`subject` is a table, a role or another object; `what` is wrong with it, in words that EXCEPTIONS can name; `detail` says more."""

    subject: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        """The message that fails the build."""
        return f"{self.subject}: {self.what}{self.detail}"


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a service: `owner` runs migrations, the next two serve, our staff reads as the last; None where it may not."""

    owner: str
    app: str
    sweep: str
    staff: str | None = None

    @classmethod
    def of(cls, service: str) -> Self:
        """`credential-vault` -> `credential_vault_owner` and so on."""
        prefix = service.replace("-", "_")
        staff = f"{prefix}_staff" if service in STAFFED else None
        return cls(owner=f"{prefix}_owner", app=f"{prefix}_app", sweep=f"{prefix}_sweep", staff=staff)

    @property
    def runtime(self) -> list[str]:
        """All but the owner."""
        return [self.app, self.sweep, *([self.staff] if self.staff else [])]

"""The accounts that people connect: one per workspace with each provider, with ids that are the same on every start."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """One company's account with a provider; ``name`` is the workspace's folder, as in the Gong settings."""

    name: str

    @property
    def title(self) -> str:
        """The name as a page shows it."""
        return self.name.capitalize()

    @property
    def domain(self) -> str:
        """A domain that nobody can own."""
        return f"{self.name}.example"

    @property
    def user(self) -> str:
        """E-mail address of the person who agrees."""
        return f"admin@{self.domain}"

    def number(self, of_what: str) -> int:
        """A number of nine digits for one of the account's things, such as its HubSpot portal."""
        return 100_000_000 + int(self._digest(of_what)[:12], 16) % 900_000_000

    def identifier(self, letter: str, of_what: str) -> str:
        """An id in Slack's form: a letter that tells what it is, then ten of A-Z and 0-9."""
        return letter + self._digest(of_what)[:10].upper()

    def _digest(self, of_what: str) -> str:
        return hashlib.sha256(f"{of_what}\x1f{self.name}".encode()).hexdigest()

"""Keeps a ledger over restarts, in a file that its owner alone can read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from local.sandbox.oauth.ledger import Ledger
from local.sandbox.settings import SettingsError

_LEDGER = TypeAdapter(Ledger)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One provider's file. Digests are in it, never a token."""

    path: Path

    def load(self) -> Ledger:
        """What was kept; an empty ledger at the first start. Raises SettingsError for a file that cannot be read."""
        try:
            return _LEDGER.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Ledger()
        except (OSError, ValidationError):
            raise SettingsError(f"cannot read {self.path}; delete it, and connect the accounts again") from None

    def keep(self, ledger: Ledger) -> None:
        """Replaces the file as a whole: one that is cut off half-way is never seen."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_LEDGER.dump_json(ledger))
        draft.replace(self.path)

"""An export: a report that a person takes away as a file. Pure."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

# How long its person may begin to download a file: enough for a slow connection, too short for a link that is found later.
GOOD_FOR: Final = timedelta(minutes=10)

# After so many attempts a file is not made.
MOST_ATTEMPTS: Final = 5


class ExportState(enum.StrEnum):
    """making -> ready -> ended; failed where the file could not be made."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    ENDED = "ended"


class StoredFile(Struct, frozen=True):
    """Where a file is kept, and what it is known by: its SHA-256 in hex and its length in bytes."""

    object_name: str
    sha256: str
    size: int


class Export(Struct, frozen=True):
    """One export as it was at `read_at`; all times are the database's.

    `done_at` is when its file was there, or could not be made; `report_created_at` is the report's own date.
    """

    number: int
    format: str
    asked_at: datetime
    report_created_at: datetime
    done_at: datetime | None
    attempts: int
    read_at: datetime
    file: StoredFile | None

    @property
    def ends_at(self) -> datetime:
        """Until when the file is handed out. Asking for an export again, which is noted again, begins anew."""
        return max(self.asked_at, self.done_at or self.asked_at) + GOOD_FOR

    @property
    def state(self) -> ExportState:
        """Where it is."""
        if self.file is None:
            failed = self.done_at is not None or self.attempts >= MOST_ATTEMPTS
            return ExportState.FAILED if failed else ExportState.MAKING
        return ExportState.READY if self.read_at < self.ends_at else ExportState.ENDED


def file_name(report_id: str, created_at: datetime, extension: str) -> str:
    """What the file is called where it is saved: nothing of what the report says. `created_at` is the report's."""
    what = "findings" if extension == "csv" else "report"
    return f"callmine-{what}-{created_at:%Y-%m-%d}-{report_id[-8:]}.{extension}"


def disposition(name: str) -> str:
    """The Content-Disposition of a download called `name`, which `file_name` gave."""
    return f'attachment; filename="{name}"'

"""Fetch jobs: the work a run or a preview gives to ingest, and how it ends."""

from __future__ import annotations

import enum
import math
import uuid
from datetime import datetime
from typing import NewType

from msgspec import Struct

from core.errors import CallmineError
from core.ids import WorkspaceId
from ingest.domain.filters import CallFilter

JobId = NewType("JobId", uuid.UUID)
"""The id of the run or preview that the job works for."""

GrantId = NewType("GrantId", uuid.UUID)


class JobKind(enum.StrEnum):
    """What the job is for."""

    RUN = "run"
    PREVIEW = "preview"


class JobState(enum.StrEnum):
    """waiting_grant -> ready -> fetching -> done | failed.

    Cancelled from any of the first three; back to waiting_grant when the grant expires, or was refused by the provider.
    """

    WAITING_GRANT = "waiting_grant"
    READY = "ready"
    FETCHING = "fetching"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CallState(enum.StrEnum):
    """What became of a call that a run has chosen."""

    CHOSEN = "chosen"
    STORED = "stored"
    WITHOUT_TRANSCRIPT = "without_transcript"
    PRIVATE = "private"
    GONE = "gone"


class Denial(enum.StrEnum):
    """Why the vault gave no credential."""

    NOT_CONNECTED = "not_connected"
    NOT_ALLOWED = "not_allowed"
    NEEDS_RECONNECT = "needs_reconnect"
    UNKNOWN = "unknown"


_DENIED = {
    Denial.NOT_CONNECTED: "Gong is not connected. Connect Gong in Settings > Integrations, then start again.",
    Denial.NEEDS_RECONNECT: "Gong no longer accepts the stored credential. Reconnect Gong in Settings > Integrations, then start again.",
    Denial.NOT_ALLOWED: "The credential for Gong may not be used for this. Please write to support.",
    Denial.UNKNOWN: "The credential for Gong could not be had. Check Settings > Integrations, then start again.",
}


_DEALS_DENIED = {
    Denial.NOT_CONNECTED: "HubSpot is not connected any more.",
    Denial.NEEDS_RECONNECT: "HubSpot no longer accepts the stored credential: reconnect it in Settings > Integrations.",
    Denial.NOT_ALLOWED: "The credential for HubSpot may not be used for this.",
    Denial.UNKNOWN: "The credential for HubSpot could not be had: check Settings > Integrations.",
}


def denial_words(reason: Denial) -> str:
    """What the page says when the vault gave no credential."""
    return _DENIED[reason]


def deals_denial_words(reason: Denial) -> str:
    """What a run remarks when the vault gave no credential for HubSpot."""
    return _DEALS_DENIED[reason]


def too_long_words(seconds: float, longest: int) -> str:
    """What the page says when a run may not wait as long as Gong asks."""
    return (
        f"Gong asks to wait for {_duration(seconds)}, longer than this run may wait ({_duration(longest)}). "
        "Start again later, or let the run wait."
    )


def not_ready_words(calls: int) -> str:
    """What the page says while transcripts are awaited; "until" and a time follow."""
    return (
        f"Gong is still writing {'one transcript' if calls == 1 else f'{calls} transcripts'}; asking again is put off"
    )


def too_long_call_words(call_id: str) -> str:
    """What a run remarks of a call whose transcript is longer than is read (`egress`) or kept (`cloud.objects`)."""
    return (
        f"The transcript of Gong's call {call_id} is too long: an answer of Gong's may hold 32 MiB, a stored call 64 MiB. "
        "The call counts as one without a transcript."
    )


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{math.ceil(minutes / 60)} hours"


class LeaseLost(CallmineError):
    """Another worker has the job now, or it was cancelled: stop without writing anything."""


class GrantExpired(CallmineError):
    """The credential for `provider` may no longer be used: ask for another one."""

    def __init__(self, provider: str) -> None:
        super().__init__(f"the grant for {provider} has expired")
        self.provider = provider


class DealsRefused(CallmineError):
    """The provider of deals does not accept the credential; the text is fit for the page, `status` its HTTP status."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.provider_status = status


class NotReadyYet(CallmineError):
    """Some calls have no transcript yet: all others are done, and these are to be asked for again in `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        super().__init__(f"{calls} transcripts are not ready yet")
        self.calls, self.seconds = calls, seconds


class Claim(Struct, frozen=True):
    """The right to work on a job: whoever claims it later has a higher fence."""

    workspace_id: WorkspaceId
    job_id: JobId
    fence: int
    correlation_id: str
    traceparent: str = ""


class SealedGrant(Struct, frozen=True):
    """A credential that only ingest's sealing key opens; the bytes are not shown in a repr."""

    grant_id: GrantId
    sealed: bytes
    key_id: str
    expires_at: datetime
    credential_version: int

    def __repr__(self) -> str:
        """Never the bytes."""
        return f"SealedGrant({self.grant_id})"


class Wish(Struct, frozen=True):
    """What a run or a preview asks for. `max_calls` 0 means as many as a run can use, `longest_wait_seconds` 0 however long."""

    job_id: JobId
    kind: JobKind
    filter: CallFilter
    max_calls: int = 0
    longest_wait_seconds: int = 0


class Job(Struct, frozen=True):
    """A job as the worker sees it that has claimed it. What depends on time is by the database's clock.

    `refused_version` is the version of the credential that the provider has refused since the job last came forward; None for none.
    `longest_wait_seconds`: how long Gong may make it wait at once; 0 sets no limit. `planned_long_ago`: metadata noted with the choice is
    too old to be relied upon.
    """

    claim: Claim
    kind: JobKind
    filter: CallFilter
    max_calls: int
    grant: SealedGrant
    grant_expired: bool
    attempts: int
    planned: bool
    refused_version: int | None = None
    planned_long_ago: bool = False
    longest_wait_seconds: int = 0


class Progress(Struct, frozen=True):
    """A run's counters, the sequence of the last message about it, and what the run is to be told in the end."""

    sequence: int = 0
    planned: bool = False
    matching: int = 0
    private: int = 0
    without_transcript: int = 0
    fetched: int = 0
    remarks: tuple[str, ...] = ()

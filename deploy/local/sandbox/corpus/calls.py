"""A recorded call as the sandbox holds it, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Affiliation(StrEnum):
    """On whose side a party is, in Gong's spelling."""

    INTERNAL = "Internal"
    EXTERNAL = "External"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody on a call. ``speaker_id`` joins the transcript; ``user_id`` is set for the seller's own people only."""

    party_id: str
    speaker_id: str
    name: str
    title: str
    affiliation: Affiliation
    email: str | None
    user_id: str | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One spoken sentence; times in milliseconds from the start of the call, ``topic`` empty when none was given."""

    speaker_id: str
    start_ms: int
    end_ms: int
    text: str
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Deal:
    """What the seller's CRM says about the deal at the time of the call; ``amount`` in whole units of ``currency``."""

    account: str
    industry: str
    employees: int
    stage: str
    amount: int
    currency: str
    segment: str


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call with all that was said. ``attribution`` is source and licence where the text is someone else's.

    ``in_gong`` is whether Gong has attached the deal to the call; HubSpot has it in either case.
    """

    call_id: str
    workspace: str
    title: str
    started_at: datetime
    parties: tuple[Party, ...]
    sentences: tuple[Sentence, ...]
    deal: Deal | None
    is_private: bool = False
    attribution: str = ""
    in_gong: bool = True

    @property
    def duration_ms(self) -> int:
        """Length of the recording: the end of the last sentence."""
        return max((sentence.end_ms for sentence in self.sentences), default=0)

    @property
    def owner(self) -> Party | None:
        """The seller's person who led the call: the first internal party, as the files name the owner first."""
        return next((party for party in self.parties if party.affiliation is Affiliation.INTERNAL), None)


class CallFileError(Exception):
    """A call file cannot be read: file, line, what is wrong and what is expected."""

"""What retention asks about the erasure of one report, and what it is answered."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping

from msgspec import Struct, field

from analysis.domain.request import ReportId


class Stage(enum.StrEnum):
    """How far the erasure of a report has come: see ReportErasureStage."""

    UNKNOWN_REPORT = "unknown_report"
    FROZEN = "frozen"
    ERASED = "erased"
    VERIFIED = "verified"


class Asked(Struct, frozen=True):
    """The request, and the report that it is about."""

    erasure_id: uuid.UUID
    report_id: ReportId


class Answer(Struct, frozen=True, kw_only=True):
    """What is told of a stage. `rows` and `objects` belong to ERASED; `left` and `attempt` to VERIFIED."""

    asked: Asked
    stage: Stage
    rows: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    attempt: int = 0

    @property
    def sequence(self) -> int:
        """Its place within the erasure's own aggregate: the stages, then verifications by their attempt."""
        return {Stage.ERASED: 2, Stage.VERIFIED: 2}.get(self.stage, 1) + self.attempt

"""What a client may ask of Gong, checked before anything is looked up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Wire(BaseModel):
    """Camel case outside; unknown fields are let through, as Gong lets them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class CallFilter(_Wire):
    """Which calls: from inclusive, to exclusive. ``cursor`` does not belong here and is ignored, as Gong ignores it."""

    from_date_time: datetime | None = None
    to_date_time: datetime | None = None
    workspace_id: str | None = None
    call_ids: tuple[str, ...] | None = None
    primary_user_ids: tuple[str, ...] | None = None

    @property
    def start(self) -> datetime | None:
        """The first moment asked for."""
        return _aware(self.from_date_time)

    @property
    def end(self) -> datetime | None:
        """The first moment no longer asked for."""
        return _aware(self.to_date_time)


class ContentFields(_Wire):
    """Parts of the call's content."""

    structure: bool = False
    topics: bool = False
    trackers: bool = False
    brief: bool = False
    outline: bool = False
    highlights: bool = False
    call_outcome: bool = False
    key_points: bool = False


class InteractionFields(_Wire):
    """Parts of the interaction measures."""

    speakers: bool = False
    video: bool = False
    person_interaction_stats: bool = False
    questions: bool = False


class CollaborationFields(_Wire):
    """Parts of the collaboration data."""

    public_comments: bool = False


class ExposedFields(_Wire):
    """What to add to a call; nothing unless asked."""

    parties: bool = False
    content: ContentFields = ContentFields()
    interaction: InteractionFields = InteractionFields()
    collaboration: CollaborationFields = CollaborationFields()
    media: bool = False


class ContentSelector(_Wire):
    """How much of the CRM context (``Basic``: the objects; ``Extended``: with their fields) and of the rest."""

    context: Literal["None", "Basic", "Extended"] = "None"
    context_timing: tuple[Literal["Now", "TimeOfCall"], ...] = ("Now",)
    exposed_fields: ExposedFields = ExposedFields()


class CallsRequest(_Wire):
    """The body of ``/v2/calls/extensive`` and ``/v2/calls/transcript``; the filter may be empty but must be there."""

    cursor: str | None = None
    filter: CallFilter
    content_selector: ContentSelector = Field(default=ContentSelector())


class CallListQuery(_Wire):
    """The query of ``GET /v2/calls``."""

    from_date_time: datetime
    to_date_time: datetime
    workspace_id: str | None = None
    cursor: str | None = None

    def as_filter(self) -> CallFilter:
        """The same question in the form of a filter."""
        return CallFilter(
            from_date_time=self.from_date_time, to_date_time=self.to_date_time, workspace_id=self.workspace_id
        )


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment

"""HubSpot's answers as they are on the wire. Only what is used is named; fields that HubSpot adds are let through unread."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True
    )


class Next(_Wire):
    """Where the next page begins."""

    after: str


class Paging(_Wire):
    """There as long as there are more pages."""

    next: Next | None = None


class ObjectData(_Wire):
    """A contact, company or deal. Every value is text; null and a missing name both mean that HubSpot has none."""

    id: str = Field(min_length=1)
    properties: dict[str, str | None]
    created_at: datetime


class ObjectsPage(_Wire):
    """A batch or a page of a search; of a 207, what was found. `errors` names the rest and is not read: missing is missing."""

    results: list[ObjectData]
    paging: Paging | None = None


class End(_Wire):
    """One end of an association. The documentation says that the id is text; the server writes a number."""

    to_object_id: str = Field(min_length=1)


class Start(_Wire):
    """The object that was asked about."""

    id: str


class AssociationData(_Wire):
    """All, or the first page of, the objects that one object is associated with."""

    start: Start = Field(alias="from")
    to: list[End]
    paging: Paging | None = None


class AssociationsPage(_Wire):
    """A batch of associations. An object without any is among the errors of a 207, and missing here."""

    results: list[AssociationData]


class OwnerData(_Wire):
    """Somebody whom deals belong to."""

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class OwnersPage(_Wire):
    """A page of owners."""

    results: list[OwnerData]
    paging: Paging | None = None


class StageData(_Wire):
    """A stage of a pipeline; deals hold its id."""

    id: str
    label: str


class PipelineData(_Wire):
    """Stages of one kind of deals."""

    id: str
    stages: list[StageData] = []


class PipelinesAnswer(_Wire):
    """All pipelines of deals."""

    results: list[PipelineData]


class ErrorAnswer(_Wire):
    """HubSpot's error; `policy_name` tells which limit a 429 is about."""

    message: str = ""
    category: str = ""
    policy_name: str = ""

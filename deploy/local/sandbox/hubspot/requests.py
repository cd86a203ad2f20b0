"""What a client may ask of HubSpot's CRM, checked before anything is looked up."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MOST_CHARACTERS = 3_000
"""Length of a search's body."""


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Input(_Wire):
    """One object asked for, or one whose associations are; ``after`` is the second page of those."""

    id: str
    after: str = Field(default="0", pattern=r"^\d+$")


class BatchRead(_Wire):
    """The body of ``batch/read`` of objects."""

    inputs: Annotated[list[Input], Field(max_length=100)]
    properties: list[str]
    properties_with_history: list[str]
    id_property: str = ""


class AssociationsRead(_Wire):
    """The body of ``batch/read`` of associations."""

    inputs: Annotated[list[Input], Field(max_length=1_000)]


class Filter(_Wire):
    """One condition; the sandbox knows equality, and membership of a list, whose values must be in lower case."""

    property_name: str
    operator: Literal["EQ", "IN"]
    value: str = ""
    values: Annotated[list[str], Field(max_length=100)] = []

    def is_met(self, properties: dict[str, str]) -> bool:
        """Whether a record with these properties is meant."""
        told = properties.get(self.property_name, "").lower()
        return told == self.value.lower() if self.operator == "EQ" else told in self.values


class FilterGroup(_Wire):
    """Conditions that all have to be met."""

    filters: Annotated[list[Filter], Field(max_length=6)]


class Search(_Wire):
    """The body of a search; a record is found that meets all conditions of any group."""

    filter_groups: Annotated[list[FilterGroup], Field(max_length=5)] = []
    properties: list[str] = []
    sorts: list[str] = []
    limit: Annotated[int, Field(ge=1, le=200)] = 10
    after: str = Field(default="0", pattern=r"^\d+$")

"""Gong's answers as they are on the wire. Only what is used is named; fields that Gong adds are let through unread.

Transcripts have a module of their own.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True
    )


class Records(_Wire):
    """Where a page stands in its list; `cursor` is there as long as there are more."""

    total_records: int = 0
    cursor: str | None = None


class MetaData(_Wire):
    """`CallBasicData`. The id becomes part of an object's name, hence the pattern; duration in seconds."""

    id: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")
    started: datetime
    duration: int = Field(default=0, ge=0)
    title: str | None = None
    url: str | None = None
    primary_user_id: str | None = None
    direction: str | None = None
    scope: str | None = None
    is_private: bool = False


class ContextField(_Wire):
    """One field of a CRM object; CRMs differ in what they call it and in its type."""

    name: str | None = None
    value: object = None


class ContextObject(_Wire):
    """An object of the CRM: Opportunity or Account."""

    object_type: str | None = None
    fields: list[ContextField] | None = None
    timing: str | None = None


class Context(_Wire):
    """What one CRM says about the call."""

    objects: list[ContextObject] | None = None


class PartyData(_Wire):
    """Somebody invited; `speaker_id` joins the transcript."""

    name: str | None = None
    title: str | None = None
    email_address: str | None = None
    user_id: str | None = None
    speaker_id: str | None = None
    affiliation: str | None = None


class CallData(_Wire):
    """One call of the extensive list."""

    meta_data: MetaData
    context: list[Context] | None = None
    parties: list[PartyData] | None = None


class CallsPage(_Wire):
    """A page of `/v2/calls/extensive`."""

    records: Records
    calls: list[CallData]

    def __len__(self) -> int:
        """How many records it holds."""
        return len(self.calls)


class BasicCallsPage(_Wire):
    """A page of `/v2/calls`."""

    records: Records
    calls: list[MetaData]

    def __len__(self) -> int:
        """How many records it holds."""
        return len(self.calls)


class UserData(_Wire):
    """Somebody with an account at Gong."""

    id: str
    email_address: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    active: bool = True


class UsersPage(_Wire):
    """A page of `/v2/users`."""

    records: Records
    users: list[UserData]

    def __len__(self) -> int:
        """How many records it holds."""
        return len(self.users)


class ErrorAnswer(_Wire):
    """Gong's error: sentences for people, no code."""

    errors: list[str] = []

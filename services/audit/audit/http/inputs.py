"""What is sent with a question to the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Query
from pydantic import JsonValue

from audit.domain.entry import EntryType
from audit.domain.reading import EntrySource, Filters
from core.errors import InvalidInput
from web import Session, admin

PAGE_SIZE = 50
LARGEST_PAGE = 200

Admin = Annotated[Session, Depends(admin)]
Cursor = Annotated[str, Query(max_length=200)]

# A name is looked up, a text is taken apart into words; nothing longer is either.
_LONGEST_TEXT = 200


# For the API's description: what is taken beside nothing at all.
_A_DAY: dict[str, JsonValue] = {"examples": ["2026-03-01"]}


def _one_of(names: Iterable[StrEnum]) -> dict[str, JsonValue]:
    return {"enum": ["", *(name.value for name in names)]}


async def asked_filters(
    kind: Annotated[str, Query(alias="type", max_length=40, json_schema_extra=_one_of(EntryType))] = "",
    source: Annotated[str, Query(max_length=20, json_schema_extra=_one_of(EntrySource))] = "",
    actor: Annotated[str, Query(max_length=_LONGEST_TEXT)] = "",
    target: Annotated[str, Query(max_length=_LONGEST_TEXT)] = "",
    text: Annotated[str, Query(max_length=_LONGEST_TEXT)] = "",
    first: Annotated[str, Query(alias="from", max_length=20, json_schema_extra=_A_DAY)] = "",
    last: Annotated[str, Query(alias="to", max_length=20, json_schema_extra=_A_DAY)] = "",
) -> Filters:
    """The filters of a URL. A form sends those that were left empty as well. Raises InvalidInput."""
    return Filters(
        type=EntryType.parse(kind) if kind else None,
        source=EntrySource.parse(source) if source else None,
        actor=_plain(actor),
        target=_plain(target),
        text=_plain(text),
        first_day=_day(first),
        last_day=_day(last),
    )


Asking = Annotated[Filters, Depends(asked_filters)]


def _plain(text: str) -> str:
    """Without spaces around it. PostgreSQL's text holds every character but one, which then is in no entry either."""
    return text.strip().replace("\x00", "\ufffd")


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        if len(text) != len("2026-03-01"):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("A day is written like 2026-03-01.") from None

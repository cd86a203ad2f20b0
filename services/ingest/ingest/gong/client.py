"""Asking Gong.

    gong = GongClient(egress, credential, budget, clock)
    async for page in gong.calls_between(from_time, to_time): ...
    async for call_id, transcript in gong.transcripts(call_ids): ...

Gong's quirks: a POST takes the cursor in the body, outside `filter`, a GET in the query, with all else unchanged; 404 means that nothing
was found; errors are sentences. Raises egress' errors, GongRefused with Gong's own words, CredentialRefused for a 401, GongUnreadable,
ListBroken where a list has to be read anew, and GrantExpired.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from core.clock import Clock
from core.errors import Permanent
from egress import Egress, ProviderRejected, TooManyRequests
from ingest.budget import RateBudget
from ingest.domain.calls import Call, CallId, Transcript
from ingest.domain.jobs import GrantExpired
from ingest.domain.pages import Mark
from ingest.domain.users import User
from ingest.gong.credential import Credential
from ingest.gong.limits import LONGEST_WAIT
from ingest.gong.models import (
    BasicCallsPage,
    CallData,
    CallsPage,
    ErrorAnswer,
    UsersPage,
)
from ingest.gong.paging import ListBroken, Paging, unreadable
from ingest.gong.reading import read_call, read_user
from ingest.gong.transcripts import read_page, read_transcript

DESTINATION = "gong"

# One page of 100 calls with context takes Gong a few seconds; a minute is a hung connection. Well under a worker's lease.
REQUEST_SECONDS = 45.0

# A 429 without Retry-After: Gong counts by the second.
ASKED_TO_WAIT = 2.0

# A 429 may come back at once where others use the same company's Gong; after so many the job makes room.
_MOST_TURNS = 4

_LONGEST_WORDS = 300
_CONTENT = {"context": "Extended", "contextTiming": ["Now"], "exposedFields": {"parties": True}}
_EXTENSIVE, _TRANSCRIPT, _CALLS, _USERS = "/v2/calls/extensive", "/v2/calls/transcript", "/v2/calls", "/v2/users"

Page = TypeVar("Page", CallsPage, BasicCallsPage, UsersPage)
Shape = TypeVar("Shape", bound=BaseModel)
Inputs = dict[str, object]


class GongRefused(Permanent):
    """Gong said no; the text holds its own words."""

    problem = "gong-refused"
    title = "Gong refused the request"


class CredentialRefused(GongRefused):
    """Gong does not accept the credential (any more); the text says to reconnect. `renewable`: the vault may be able to renew it."""

    def __init__(self, message: str, provider_status: int, *, renewable: bool) -> None:
        super().__init__(message)
        self.provider_status = provider_status
        self.renewable = renewable


class ListedPage(Struct, frozen=True):
    """A page of calls, and where its list stands behind it."""

    calls: list[Call]
    mark: Mark


class GongClient:
    """One company's Gong, for the length of one job."""

    def __init__(self, egress: Egress, credential: Credential, budget: RateBudget, clock: Clock) -> None:
        self._egress = egress
        self._credential = credential
        self._budget = budget
        self._clock = clock

    async def calls_between(self, from_time: datetime, to_time: datetime) -> AsyncIterator[list[Call]]:
        """Pages of all calls from `from_time` inclusive to `to_time` exclusive, with parties and CRM context."""
        async for page in self.call_pages(from_time, to_time):
            yield page.calls

    async def call_pages(
        self, from_time: datetime, to_time: datetime, marks: Sequence[Mark] = ()
    ) -> AsyncIterator[ListedPage]:
        """The same, each page with what is needed to go on behind it; `marks` of pages that were read leave those out."""
        wanted = {"fromDateTime": _iso(from_time), "toDateTime": _iso(to_time)}
        inputs: Inputs = {"filter": wanted, "contentSelector": _CONTENT}
        async for page in self._pages("POST", _EXTENSIVE, inputs, CallsPage, marks):
            mark = Mark(page.records.cursor or "", len(page), page.records.total_records)
            yield ListedPage([read_call(data) for data in page.calls], mark)

    async def basic_calls_between(self, from_time: datetime, to_time: datetime) -> AsyncIterator[list[Call]]:
        """The same calls without parties and CRM context."""
        wanted: Inputs = {"fromDateTime": _iso(from_time), "toDateTime": _iso(to_time)}
        async for page in self._pages("GET", _CALLS, wanted, BasicCallsPage):
            yield [read_call(CallData.model_validate({"metaData": data})) for data in page.calls]

    async def users(self) -> AsyncIterator[list[User]]:
        """Pages of everybody with an account in this Gong."""
        async for page in self._pages("GET", _USERS, {}, UsersPage):
            yield [read_user(data) for data in page.users]

    async def calls(self, call_ids: Sequence[CallId]) -> dict[CallId, Call]:
        """The calls with these ids, at most 100; one that is gone is missing from the answer."""
        inputs: Inputs = {"filter": {"callIds": list(call_ids)}, "contentSelector": _CONTENT}
        pages = self._pages("POST", _EXTENSIVE, inputs, CallsPage)
        found = [read_call(data) async for page in pages for data in page.calls]
        return {call.call_id: call for call in found}

    async def transcripts(self, call_ids: Sequence[CallId]) -> AsyncIterator[tuple[CallId, Transcript]]:
        """What was said on these calls, at most 100; one whose transcript is not ready is missing from the answer.

        Each is read when it is asked for: one call's sentences are in memory at a time, beside the page as it came.
        """
        inputs: Inputs = {"filter": {"callIds": list(call_ids)}}
        paging = Paging(_TRANSCRIPT)
        while paging.more:
            body = await self._answer("POST", _TRANSCRIPT, inputs, paging.cursor)
            if body is None:
                paging.nothing()
                return
            page = read_page(_TRANSCRIPT, body)
            for record in page.call_transcripts:
                yield read_transcript(_TRANSCRIPT, record)
            paging.turn(page.cursor, len(page.call_transcripts), page.records.total_records)

    async def _pages(
        self, method: str, path: str, inputs: Inputs, shape: type[Page], marks: Sequence[Mark] = ()
    ) -> AsyncIterator[Page]:
        paging = Paging(path, marks)
        while paging.more:
            body = await self._answer(method, path, inputs, paging.cursor)
            if body is None:
                paging.nothing()
                return
            page = _read(path, body, shape)
            # First: a page that leads nowhere is not to be relied upon.
            paging.turn(page.records.cursor, len(page), page.records.total_records)
            yield page

    async def _answer(self, method: str, path: str, inputs: Inputs, cursor: str | None) -> bytes | None:
        """One page as it came; None where Gong found nothing."""
        asked = inputs if cursor is None else {**inputs, "cursor": cursor}
        for turn in range(1, _MOST_TURNS + 1):
            if self._clock.now() >= self._credential.expires_at:
                raise GrantExpired("gong")
            try:
                return await self._send(method, path, asked)
            except ProviderRejected as rejection:
                if cursor is not None and rejection.provider_status == HTTPStatus.BAD_REQUEST:
                    # All else was the same in the request before, which Gong has answered.
                    raise ListBroken("Gong does not accept the place in its list that it gave") from rejection
                raise self._refused(rejection) from rejection
            except TooManyRequests as wish:
                wait = ASKED_TO_WAIT if wish.retry_after is None else wish.retry_after
                await self._budget.hold_back(wait)
                if turn == _MOST_TURNS or wait > LONGEST_WAIT:
                    raise
        raise AssertionError("the last turn returns or raises")

    async def _send(self, method: str, path: str, asked: Inputs) -> bytes | None:
        is_get = method == "GET"
        response = await self._egress.request(
            DESTINATION,
            method,
            self._credential.base_url + path,
            params={name: str(value) for name, value in asked.items()} if is_get else None,
            json=None if is_get else asked,
            headers=self._credential.headers,
            auth=self._credential.auth,
            timeout=REQUEST_SECONDS,
            idempotent=True,
            accept=(HTTPStatus.NOT_FOUND,),
            turn=self._budget.turn,
        )
        return None if response.status_code == HTTPStatus.NOT_FOUND else response.content

    def _refused(self, rejection: ProviderRejected) -> GongRefused:
        said = self._credential.redact(_words(rejection.body))
        told = f'Gong answered {rejection.provider_status}: "{said}".' if said else f"{rejection}."
        reconnect = f"{told} Reconnect Gong in Settings > Integrations, then start again."
        if rejection.provider_status == HTTPStatus.UNAUTHORIZED:
            # A pair stays what it is until somebody replaces it; a token can be renewed.
            renewable = self._credential.auth is None
            return CredentialRefused(reconnect, rejection.provider_status, renewable=renewable)
        if rejection.provider_status == HTTPStatus.FORBIDDEN:
            return GongRefused(reconnect)
        return GongRefused(f"{told} Please write to support.")


def _read(path: str, body: bytes, shape: type[Shape]) -> Shape:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise unreadable(path, error) from None


def _words(body: bytes) -> str:
    """Gong's own sentences, short and without control characters; empty where it gave none."""
    try:
        said = "; ".join(ErrorAnswer.model_validate_json(body).errors)
    except ValidationError:
        return ""
    plain = " ".join("".join(character if character.isprintable() else " " for character in said).split())
    return plain[:_LONGEST_WORDS]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()

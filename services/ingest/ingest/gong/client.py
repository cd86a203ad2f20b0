"""Asking Gong.

    gong = GongClient(egress, credential, limiter, clock)
    async for page in gong.calls_between(from_time, to_time): ...
    transcripts = await gong.transcripts(call_ids)

Gong's quirks: the cursor goes into the body, outside `filter`, with all else unchanged; 404 means that nothing was found; errors are
sentences. Raises egress' errors, GongRefused with Gong's own words, CredentialRefused for a 401, GongUnreadable, and GrantExpired.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

from pydantic import ValidationError

from core.clock import Clock
from core.errors import Permanent, Transient
from egress import Egress, ProviderRejected
from ingest.domain.calls import Call, CallId, Transcript
from ingest.domain.jobs import GrantExpired
from ingest.gong.credential import Credential
from ingest.gong.limits import RateLimiter
from ingest.gong.models import CallsPage, ErrorAnswer, TranscriptsPage
from ingest.gong.reading import read_call, read_transcript

DESTINATION = "gong"

# One page of 100 calls with context takes Gong a few seconds; a minute is a hung connection. Well under a worker's lease.
REQUEST_SECONDS = 45.0

_LONGEST_WORDS = 300
_CONTENT = {"context": "Extended", "contextTiming": ["Now"], "exposedFields": {"parties": True}}

Page = TypeVar("Page", CallsPage, TranscriptsPage)
Body = dict[str, object]


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


class GongUnreadable(Transient):
    """Gong's answer is not of the shape it documents."""


class GongClient:
    """One company's Gong, for the length of one job."""

    def __init__(self, egress: Egress, credential: Credential, limiter: RateLimiter, clock: Clock) -> None:
        self._egress = egress
        self._credential = credential
        self._limiter = limiter
        self._clock = clock

    async def calls_between(self, from_time: datetime, to_time: datetime) -> AsyncIterator[list[Call]]:
        """Pages of all calls from `from_time` inclusive to `to_time` exclusive, with parties and CRM context."""
        wanted = {"fromDateTime": _iso(from_time), "toDateTime": _iso(to_time)}
        async for page in self._pages(
            "/v2/calls/extensive", {"filter": wanted, "contentSelector": _CONTENT}, CallsPage
        ):
            yield [read_call(data) for data in page.calls]

    async def calls(self, call_ids: Sequence[CallId]) -> dict[CallId, Call]:
        """The calls with these ids, at most 100; one that is gone is missing from the answer."""
        body: Body = {"filter": {"callIds": list(call_ids)}, "contentSelector": _CONTENT}
        pages = self._pages("/v2/calls/extensive", body, CallsPage)
        found = [read_call(data) async for page in pages for data in page.calls]
        return {call.call_id: call for call in found}

    async def transcripts(self, call_ids: Sequence[CallId]) -> dict[CallId, Transcript]:
        """What was said on these calls, at most 100; one whose transcript is not ready is missing from the answer."""
        body: Body = {"filter": {"callIds": list(call_ids)}}
        pages = self._pages("/v2/calls/transcript", body, TranscriptsPage)
        return {CallId(data.call_id): read_transcript(data) async for page in pages for data in page.call_transcripts}

    async def _pages(self, path: str, body: Body, shape: type[Page]) -> AsyncIterator[Page]:
        cursors: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self._page(path, body if cursor is None else {**body, "cursor": cursor}, shape)
            if page is None:
                if cursor is not None:
                    raise GongUnreadable("Gong says that nothing was found half-way through a list")
                return
            yield page
            cursor = page.records.cursor
            if not cursor:
                return
            if cursor in cursors:
                raise GongUnreadable("Gong repeats a page instead of giving the next one")
            cursors.add(cursor)

    async def _page(self, path: str, body: Body, shape: type[Page]) -> Page | None:
        """One page; None where Gong found nothing."""
        if self._clock.now() >= self._credential.expires_at:
            raise GrantExpired("the grant for Gong has expired")
        await self._limiter.turn(self._credential.company)
        try:
            response = await self._egress.request(
                DESTINATION,
                "POST",
                self._credential.base_url + path,
                json=body,
                headers=self._credential.headers,
                auth=self._credential.auth,
                timeout=REQUEST_SECONDS,
                idempotent=True,
                accept=(HTTPStatus.NOT_FOUND,),
            )
        except ProviderRejected as rejection:
            raise self._refused(rejection) from rejection
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        try:
            return shape.model_validate_json(response.content)
        except ValidationError as error:
            raise GongUnreadable(_unreadable(path, error)) from None

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


def _words(body: bytes) -> str:
    """Gong's own sentences, short and without control characters; empty where it gave none."""
    try:
        said = "; ".join(ErrorAnswer.model_validate_json(body).errors)
    except ValidationError:
        return ""
    plain = " ".join("".join(character if character.isprintable() else " " for character in said).split())
    return plain[:_LONGEST_WORDS]


def _unreadable(path: str, error: ValidationError) -> str:
    """Which field of which answer was wrong, without its value."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "the body"
    return f"Gong's answer to {path} cannot be read: {place} ({fault['type']})"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()

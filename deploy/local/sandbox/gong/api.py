"""Routes of Gong's API: authenticate, count against the limits, filter, cut a page, answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from operator import attrgetter

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from local.sandbox.clock import Clock
from local.sandbox.corpus.calls import RecordedCall
from local.sandbox.corpus.library import Library
from local.sandbox.faults import FAULT_KEY
from local.sandbox.gong.bodies import (
    Body,
    call_metadata,
    call_record,
    call_transcript,
    user_record,
    workspace_id,
)
from local.sandbox.gong.limits import RequestAllowance
from local.sandbox.gong.paging import CursorError, cut_page
from local.sandbox.gong.requests import CallFilter, CallListQuery, CallsRequest
from local.sandbox.oauth.clients import bearer_token
from local.sandbox.oauth.office import Standing, TokenOffice
from local.sandbox.settings import GongSettings, GongTenant
from local.sandbox.vendors import gong_error

NOTHING_FOUND = "No calls found corresponding to the provided filters"
WRONG_KEY = "Authentication failed: the access key or the access key secret is not valid"
TOO_MANY = "API rate limit exceeded: slow down and retry after the number of seconds in Retry-After"
NO_LIVE_BEARER = "Authentication failed: the access token is not valid, expired or was revoked"
BAD_JSON = "Json parse error"

_started = attrgetter("started_at")

Answer = Callable[[Request, "_Company"], Awaitable[Response]]


class _NotLetIn(Exception):
    """The caller is refused; ``status`` where it is not the path's usual one."""

    def __init__(self, words: str, status: HTTPStatus | None = None) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Company:
    tenant: GongTenant
    allowance: RequestAllowance
    calls: tuple[RecordedCall, ...]
    places: Mapping[str, int]

    @classmethod
    def of(cls, tenant: GongTenant, allowance: RequestAllowance, library: Library) -> _Company:
        """The company with the calls of its workspace."""
        calls = library.of(tenant.workspace)
        return cls(tenant, allowance, calls, {call.call_id: place for place, call in enumerate(calls)})

    @property
    def workspace(self) -> str:
        return self.tenant.workspace

    @property
    def pair(self) -> bytes:
        key, secret = self.tenant.access_key, self.tenant.access_key_secret
        return f"{key.get_secret_value()}:{secret.get_secret_value()}".encode()


class GongApi:
    """The API over one library of calls; each company sees its own workspace's calls only."""

    def __init__(self, settings: GongSettings, library: Library, clock: Clock, office: TokenOffice) -> None:
        self._library = library
        self._office = office
        self._page_size = settings.page_size
        self._companies = [
            _Company.of(
                tenant, RequestAllowance(settings.requests_per_second, settings.requests_per_day, clock), library
            )
            for tenant in settings.tenants
        ]

    def router(self, more: Sequence[Route]) -> Router:
        """The routes below ``/gong``, with ``more`` of them."""
        return Router(
            [
                *more,
                self._route("/v2/calls", self._list_calls, "api:calls:read:basic"),
                self._route("/v2/calls/extensive", self._list_extensive, "api:calls:read:extensive", "POST"),
                self._route("/v2/calls/transcript", self._list_transcripts, "api:calls:read:transcript", "POST"),
                self._route("/v2/calls/{call_id}", self._read_call, "api:calls:read:basic"),
                self._route("/v2/users", self._list_users, "api:users:read"),
                self._route(
                    "/v2/workspaces", self._list_workspaces, "api:workspaces:read", denied=HTTPStatus.FORBIDDEN
                ),
            ]
        )

    def _route(
        self, path: str, answer: Answer, scope: str, method: str = "GET", denied: HTTPStatus = HTTPStatus.UNAUTHORIZED
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                company = self._company_of(request, scope)
            except _NotLetIn as refusal:
                return gong_error(refusal.status or denied, str(refusal))
            wait = company.allowance.take()
            if wait is not None:
                return gong_error(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY, wait)
            return await _answered(answer, request, company)

        return Route(path, endpoint, methods=[method])

    def _company_of(self, request: Request, scope: str) -> _Company:
        """Whose calls are asked for, by access key or by a live token with the scope. Raises _NotLetIn."""
        header = request.headers.get("authorization", "")
        token = bearer_token(header)
        if token is not None:
            return self._company_by_token(token, scope)
        given = _basic_pair(header)
        for company in self._companies:
            if given is not None and hmac.compare_digest(given, company.pair):
                return company
        raise _NotLetIn(WRONG_KEY)

    def _company_by_token(self, token: str, scope: str) -> _Company:
        shown = self._office.show(token)
        if shown.family is None or shown.is_refresh or shown.standing is not Standing.LIVE:
            raise _NotLetIn(NO_LIVE_BEARER)
        for company in self._companies:
            if company.workspace == shown.family.account:
                if scope not in shown.family.scopes:
                    raise _NotLetIn(f"The access token does not have the scope {scope}", HTTPStatus.FORBIDDEN)
                return company
        raise _NotLetIn(NO_LIVE_BEARER)

    async def _list_calls(self, request: Request, company: _Company) -> Response:
        query = CallListQuery.model_validate(dict(request.query_params))
        found = _matching(company, query.as_filter())
        return self._call_page(
            request, found, query.as_filter().model_dump_json(), query.cursor, "calls", call_metadata
        )

    async def _list_extensive(self, request: Request, company: _Company) -> Response:
        asked = CallsRequest.model_validate_json(await request.body())
        inputs = asked.model_dump_json(exclude={"cursor"})
        found = _matching(company, asked.filter)
        return self._call_page(
            request, found, inputs, asked.cursor, "calls", lambda call: call_record(call, asked.content_selector)
        )

    async def _list_transcripts(self, request: Request, company: _Company) -> Response:
        asked = CallsRequest.model_validate_json(await request.body())
        inputs = asked.model_dump_json(exclude={"cursor"})
        found = _matching(company, asked.filter)
        return self._call_page(request, found, inputs, asked.cursor, "callTranscripts", call_transcript)

    def _call_page(
        self,
        request: Request,
        found: Sequence[RecordedCall],
        inputs: str,
        cursor: str | None,
        name: str,
        record: Callable[[RecordedCall], Body],
    ) -> Response:
        if not found:
            return gong_error(HTTPStatus.NOT_FOUND, NOTHING_FOUND)
        fault = request.scope.get(FAULT_KEY)
        page = cut_page(found, f"{name}:{inputs}", cursor, self._page_size, fault.paging if fault else None)
        shown = [call for call in page.items if not fault or call.call_id != fault.withhold]
        return _ok({"records": page.records, name: [record(call) for call in shown]})

    async def _read_call(self, request: Request, company: _Company) -> Response:
        wanted = request.path_params["call_id"]
        call = next((call for call in company.calls if call.call_id == wanted), None)
        if call is None:
            return gong_error(HTTPStatus.NOT_FOUND, "No call found with the provided id")
        return _ok({"call": call_metadata(call)})

    async def _list_users(self, request: Request, company: _Company) -> Response:
        staff = self._library.staff_of(company.workspace)
        fault = request.scope.get(FAULT_KEY)
        cursor = request.query_params.get("cursor")
        page = cut_page(staff, "users", cursor, self._page_size, fault.paging if fault else None)
        return _ok({"records": page.records, "users": [user_record(party, company.workspace) for party in page.items]})

    async def _list_workspaces(self, _request: Request, company: _Company) -> Response:
        name = company.workspace.capitalize()
        body = {"id": workspace_id(company.workspace), "name": name, "description": f"All calls of {name}"}
        return _ok({"workspaces": [body]})


async def _answered(answer: Answer, request: Request, company: _Company) -> Response:
    """The answer, or Gong's 400 for a request that cannot be read."""
    try:
        return await answer(request, company)
    except CursorError as error:
        return gong_error(HTTPStatus.BAD_REQUEST, f"Invalid cursor: {error}")
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        if fault["type"] == "json_invalid":
            return gong_error(HTTPStatus.BAD_REQUEST, BAD_JSON)
        return gong_error(HTTPStatus.BAD_REQUEST, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")


def _basic_pair(header: str) -> bytes | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def _matching(company: _Company, wanted: CallFilter) -> Sequence[RecordedCall]:
    """The calls that are asked for, in the library's order."""
    begin = 0 if wanted.start is None else bisect_left(company.calls, wanted.start, key=_started)
    end = len(company.calls) if wanted.end is None else bisect_left(company.calls, wanted.end, key=_started)
    places: Sequence[int] = range(begin, end)
    if wanted.call_ids is not None:
        named = {company.places.get(call_id, -1) for call_id in wanted.call_ids}
        places = sorted(place for place in named if begin <= place < end)
    elif wanted.primary_user_ids is None and not wanted.workspace_id:
        return company.calls[begin:end]
    return [call for call in map(company.calls.__getitem__, places) if _is_wanted(call, wanted)]


def _is_wanted(call: RecordedCall, wanted: CallFilter) -> bool:
    owner = call.owner.user_id if call.owner else None
    return (not wanted.workspace_id or wanted.workspace_id == workspace_id(call.workspace)) and (
        wanted.primary_user_ids is None or owner in wanted.primary_user_ids
    )


def _ok(body: Body) -> Response:
    content = msgspec.json.encode({"requestId": uuid.uuid4().hex[:19], **body})
    return Response(content, media_type="application/json")

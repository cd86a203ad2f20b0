"""Routes of HubSpot's CRM: authenticate, count against the limits, look up, answer."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.clock import Clock
from local.sandbox.corpus.library import Library
from local.sandbox.hubspot.limits import Allowance
from local.sandbox.hubspot.records import PIPELINE, STAGES, Book, Owner, Record, read_book
from local.sandbox.hubspot.requests import MOST_CHARACTERS, AssociationsRead, BatchRead, Search
from local.sandbox.oauth.clients import bearer_token
from local.sandbox.oauth.office import Standing, TokenOffice
from local.sandbox.settings import HubSpotSettings
from local.sandbox.vendors import hubspot_crm_error

Body = dict[str, object]
_SINGULAR = {"contacts": "CONTACT", "companies": "COMPANY", "deals": "DEAL"}
_SEARCHES = "/search"


@dataclass(frozen=True, slots=True)
class Account:
    """One company's HubSpot. ``asked`` lists the paths of the requests that were let in."""

    name: str
    book: Book
    allowance: Allowance
    asked: list[str]


Answer = Callable[[Request, Account], Awaitable[Response]]


class HubSpotCrm:
    """The API over one library of calls; each account sees its own records only."""

    def __init__(self, settings: HubSpotSettings, library: Library, clock: Clock, office: TokenOffice) -> None:
        self._settings = settings
        self._clock = clock
        self._office = office
        self.accounts = {
            name: Account(name, read_book(calls), Allowance(settings, clock), [])
            for name, calls in library.calls.items()
        }

    def routes(self) -> list[Route]:
        """The routes below ``/hubspot``."""
        routes = [
            self._route("/crm/v3/owners/", self._owners, "crm.objects.owners.read", "GET"),
            self._route("/crm/v3/pipelines/deals", self._pipelines, "crm.objects.deals.read", "GET"),
        ]
        for kind in _SINGULAR:
            scope = f"crm.objects.{kind}.read"
            routes.append(self._route(f"/crm/v3/objects/{kind}/batch/read", self._batch(kind), scope))
            routes.append(self._route(f"/crm/v3/objects/{kind}{_SEARCHES}", self._search(kind), scope))
            routes += [
                self._route(f"/crm/v4/associations/{kind}/{to}/batch/read", self._associations(kind, to), scope)
                for to in _SINGULAR
            ]
        return routes

    def _route(self, path: str, answer: Answer, scope: str, method: str = "POST") -> Route:
        is_search = path.endswith(_SEARCHES)

        async def endpoint(request: Request) -> Response:
            account = self._let_in(request, scope)
            if isinstance(account, Response):
                return account
            excess = account.allowance.take(is_search=is_search)
            if excess is not None:
                text = f"You have reached your {excess.policy.lower()} limit."
                return hubspot_crm_error(HTTPStatus.TOO_MANY_REQUESTS, text, "", excess.policy, excess.seconds)
            account.asked.append(path)
            response = await _answered(answer, request, account)
            response.headers.update(account.allowance.headers(is_search=is_search))
            return response

        return Route(path, endpoint, methods=[method])

    def _let_in(self, request: Request, scope: str) -> Account | Response:
        """Whose records are asked for, by a live token with the scope; or the refusal."""
        shown = self._office.show(bearer_token(request.headers.get("authorization", "")) or "")
        if shown.family is None or shown.is_refresh or shown.standing is Standing.UNKNOWN:
            return hubspot_crm_error(HTTPStatus.UNAUTHORIZED, "Authentication credentials not found or not valid.")
        if shown.standing is not Standing.LIVE:
            return hubspot_crm_error(HTTPStatus.UNAUTHORIZED, "The access token is expired.", "EXPIRED_AUTHENTICATION")
        if scope not in shown.family.scopes:
            text = f"This app hasn't been granted all required scopes to make this call: {scope}"
            return hubspot_crm_error(HTTPStatus.FORBIDDEN, text)
        return self.accounts[shown.family.account]

    def _batch(self, kind: str) -> Answer:
        async def answer(request: Request, account: Account) -> Response:
            asked = BatchRead.model_validate_json(await request.body())
            records = account.book.records[kind]
            if asked.id_property:
                by = {record.properties.get(asked.id_property, ""): record for record in records.values()}
                found = {one.id: by.get(one.id.lower()) for one in asked.inputs}
            else:
                found = {one.id: records.get(one.id) for one in asked.inputs}
            results = {record.record_id: record for record in found.values() if record is not None}
            missing = [one for one, record in found.items() if record is None]
            text = f"Could not get some {_SINGULAR[kind]} objects, they may be deleted or not exist."
            faults = [_fault(text, {"ids": missing})] if missing else []
            return self._many([_object(record, asked.properties) for record in results.values()], faults)

        return answer

    def _associations(self, kind: str, to: str) -> Answer:
        async def answer(request: Request, account: Account) -> Response:
            asked = AssociationsRead.model_validate_json(await request.body())
            links, size = account.book.links[kind, to], self._settings.page_size
            results: list[Body] = []
            faults: list[Body] = []
            for one in asked.inputs:
                known, start = links.get(one.id, []), int(one.after)
                if not known:
                    text = f"No {to} is associated with {kind} {one.id}."
                    context = {"fromObjectId": [one.id], "fromObjectType": [kind], "toObjectType": [to]}
                    faults.append(_fault(text, context, "crm.associations.NO_ASSOCIATIONS_FOUND"))
                    continue
                result: Body = {"from": {"id": one.id}, "to": [_end(other) for other in known[start : start + size]]}
                if start + size < len(known):
                    result["paging"] = {"next": {"after": str(start + size)}}
                results.append(result)
            return self._many(results, faults)

        return answer

    def _search(self, kind: str) -> Answer:
        async def answer(request: Request, account: Account) -> Response:
            body = await request.body()
            asked = Search.model_validate_json(body)
            if len(body.decode()) > MOST_CHARACTERS:
                text = f"The body of a search may have {MOST_CHARACTERS} characters"
                return hubspot_crm_error(HTTPStatus.BAD_REQUEST, text)
            found = [
                record
                for _, record in sorted(account.book.records[kind].items())
                if any(
                    all(one.is_met(dict(record.properties)) for one in group.filters) for group in asked.filter_groups
                )
            ]
            start = int(asked.after)
            page = [_object(record, asked.properties) for record in found[start : start + asked.limit]]
            return JSONResponse({"total": len(found), "results": page, **_paging(start + asked.limit, len(found))})

        return answer

    async def _owners(self, request: Request, account: Account) -> Response:
        start, limit = int(request.query_params.get("after", "0")), int(request.query_params.get("limit", "100"))
        owners = [owner for _, owner in sorted(account.book.owners.items())]
        page = [_owner(owner) for owner in owners[start : start + limit]]
        return JSONResponse({"results": page, **_paging(start + limit, len(owners))})

    async def _pipelines(self, _request: Request, _account: Account) -> Response:
        stages = [
            {
                **_dated(_FOUNDED),
                "id": stage,
                "label": label,
                "displayOrder": order,
                "metadata": {"isClosed": str(stage.startswith("closed")).lower()},
                "archived": False,
            }
            for order, (stage, label) in enumerate(STAGES.items())
        ]
        pipeline = {
            **_dated(_FOUNDED),
            "id": PIPELINE,
            "label": "Sales Pipeline",
            "displayOrder": 0,
            "stages": stages,
            "archived": False,
        }
        return JSONResponse({"results": [pipeline]})

    def _many(self, results: Sequence[Body], faults: Sequence[Body]) -> Response:
        """A batch: 207 where something was not found."""
        now = _text(self._clock.now())
        body: Body = {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}
        if not faults:
            return JSONResponse(body)
        return JSONResponse({**body, "numErrors": len(faults), "errors": list(faults)}, HTTPStatus.MULTI_STATUS)


_FOUNDED = datetime(2025, 1, 6, 8, tzinfo=UTC)


async def _answered(answer: Answer, request: Request, account: Account) -> Response:
    """The answer, or HubSpot's 400 for a request that cannot be read."""
    try:
        return await answer(request, account)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        text = f"Invalid input JSON: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        return hubspot_crm_error(HTTPStatus.BAD_REQUEST, text)


def _object(record: Record, wanted: Sequence[str]) -> Body:
    """A record with the properties asked for; those without a value are null."""
    names = {"createdate", "hs_object_id", *wanted}
    told: Mapping[str, str] = {"hs_object_id": record.record_id, **record.properties}
    properties = {name: told.get(name) for name in sorted(names)}
    return {**_dated(record.created_at), "id": record.record_id, "properties": properties, "archived": False}


def _owner(owner: Owner) -> Body:
    return {
        **_dated(_FOUNDED),
        "id": owner.owner_id,
        "type": "PERSON",
        "email": owner.email,
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": int(owner.owner_id),
        "archived": False,
    }


def _end(object_id: str) -> Body:
    return {"toObjectId": object_id, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 1}]}


def _fault(text: str, context: Mapping[str, list[str]], sub_category: str = "") -> Body:
    body: Body = {
        "id": str(uuid.uuid4()),
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": text,
        "context": dict(context),
        "errors": [],
        "links": {},
    }
    return {**body, "subCategory": sub_category} if sub_category else body


def _paging(end: int, total: int) -> Body:
    return {"paging": {"next": {"after": str(end)}}} if end < total else {}


def _dated(moment: datetime) -> Body:
    return {"createdAt": _text(moment), "updatedAt": _text(moment)}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

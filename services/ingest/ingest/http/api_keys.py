"""`/settings/api-keys` and `/api/v1/api-keys`: admins make keys, see them and take them back. A key itself can do none of that."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from core.clock import Clock
from core.errors import CallmineError, InvalidInput
from core.ids import parse_uuid, uuid7
from ingest.domain.api_keys import DEFAULT_DAYS, LONGEST_DAYS, LONGEST_NAME, ApiKey, KeyState, KeyWish, valid_key_name
from ingest.domain.members import Role
from ingest.handlers.api_keys import ApiKeys, Made
from ingest.http.access import AdminSession, admin_of
from web import Pages, Scope, Session, people_only
from web.idempotency import Asked, asked_with_key
from web.scopes import needs_admin, scope_of

PAGE = "/settings/api-keys"
PAGE_SIZE = 50
LARGEST_PAGE = 200

# What the form offers; the API takes any number of days.
DAYS = (30, 90, 365)

Cursor = Annotated[str, Query(max_length=40)]


class ApiKeyView(BaseModel):
    """An API key as a client reads it: everything but the key."""

    id: uuid.UUID
    name: str
    scopes: list[str]
    state: KeyState
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeysView(BaseModel):
    """A page of keys, newest first. `next` goes into `before` for the page after; null on the last."""

    api_keys: list[ApiKeyView]
    next: str | None


class NewApiKey(BaseModel):
    """What a key is for, what it may do, and for how many days; null: until it is revoked."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=4 * LONGEST_NAME)
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_in_days: int | None = Field(default=DEFAULT_DAYS, ge=1, le=LONGEST_DAYS)
    request_id: uuid.UUID | None = None


class MadeApiKey(ApiKeyView):
    """A new key, with `key`: this once, and never again."""

    key: str


class _Filled(Struct, frozen=True):
    """What was filled into the form, and what is wrong with it."""

    problem: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    days: str = str(DEFAULT_DAYS)


class ApiKeysPage(Struct, frozen=True):
    """The page, with a new key or with what went wrong on the way to it."""

    pages: Pages
    keys: ApiKeys
    clock: Clock

    async def page(
        self,
        request: Request,
        session: Session,
        *,
        before: str = "",
        made: Made | None = None,
        status: int = 200,
        filled: _Filled = _Filled(),  # noqa: B008 - frozen
    ) -> Response:
        """The page as it is now."""
        shown, following = await _listed(self.keys, session, before, PAGE_SIZE)
        return self.pages.render(
            request,
            "api_keys.html",
            session,
            status_code=status,
            keys=shown,
            following=following,
            first=not before,
            made=made,
            filled=filled,
            scopes=list(Scope),
            days=DAYS,
            request_id=uuid7(),
            ago=partial(ago, self.clock.now()),
            revoked=status == 200 and request.query_params.get("done") == "revoked",
        )


def add_api_keys(routes: APIRouter, keys: ApiKeys, clock: Clock) -> None:
    """The routes."""
    _add_pages(routes, ApiKeysPage(Pages("ingest"), keys, clock))
    _add_api(routes, keys)


def _add_pages(routes: APIRouter, shown: ApiKeysPage) -> None:
    @routes.get(PAGE, include_in_schema=False)
    async def page(request: Request, session: AdminSession, before: Cursor = "") -> Response:
        return await shown.page(request, session, before=before)

    @routes.post(PAGE, include_in_schema=False)
    async def create(
        request: Request,
        session: AdminSession,
        name: Annotated[str, Form(max_length=4 * LONGEST_NAME)] = "",
        scope: Annotated[tuple[str, ...], Form(max_length=100)] = (),
        days: Annotated[str, Form(max_length=10)] = "",
        request_id: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        """The key is in the answer to the form itself: an address that showed it could be opened again."""
        try:
            wish = _wish(name, _scopes(scope), _days(days))
            made = await shown.keys.create(admin_of(session), wish, parse_uuid(request_id, "request_id"))
        except CallmineError as error:
            filled = _Filled(str(error), name, scope, days)
            return await shown.page(request, session, status=error.status, filled=filled)
        return await shown.page(request, session, made=made)

    @routes.post(f"{PAGE}/{{key_id}}/revoke", include_in_schema=False)
    async def revoke(session: AdminSession, key_id: str) -> Response:
        await shown.keys.revoke(admin_of(session), parse_uuid(key_id, "key id"))
        return RedirectResponse(f"{PAGE}?done=revoked", status_code=303)


def _add_api(routes: APIRouter, keys: ApiKeys) -> None:
    @routes.get("/api/v1/api-keys", dependencies=[people_only()], tags=["API keys"])
    async def list_api_keys(
        session: AdminSession, before: Cursor = "", limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE
    ) -> ApiKeysView:
        """A page of the workspace's API keys, newest first."""
        shown, following = await _listed(keys, session, before, limit)
        return ApiKeysView(api_keys=[_view(key) for key in shown], next=following)

    @routes.post("/api/v1/api-keys", status_code=201, dependencies=[people_only()], tags=["API keys"])
    async def create_api_key(
        session: AdminSession, new: NewApiKey, asked: Annotated[Asked | None, Depends(asked_with_key)]
    ) -> MadeApiKey:
        """Make a key. It is in this answer and nowhere else: the same Idempotency-Key, or `request_id`, makes no second one (409)."""
        wish = _wish(new.name, tuple(new.scopes), new.expires_in_days)
        request_id = new.request_id or (asked.request_id if asked else None)
        made = await keys.create(admin_of(session), wish, request_id)
        return MadeApiKey(**_view(made.key).model_dump(), key=made.text)

    @routes.get("/api/v1/api-keys/{key_id}", dependencies=[people_only()], tags=["API keys"])
    async def read_api_key(session: AdminSession, key_id: str) -> ApiKeyView:
        """One API key."""
        return _view(await keys.read(session.workspace_id, parse_uuid(key_id, "key id")))

    @routes.delete("/api/v1/api-keys/{key_id}", status_code=204, dependencies=[people_only()], tags=["API keys"])
    async def revoke_api_key(session: AdminSession, key_id: str) -> None:
        """Take a key back. It is refused from the next request on; other services hear of it within a second or so."""
        await keys.revoke(admin_of(session), parse_uuid(key_id, "key id"))


async def _listed(keys: ApiKeys, session: Session, before: str, size: int) -> tuple[list[ApiKey], str | None]:
    found = await keys.page(session.workspace_id, parse_uuid(before, "before") if before else None, size + 1)
    return found[:size], str(found[size - 1].id) if len(found) > size else None


def _wish(name: str, scopes: tuple[Scope, ...], days: int | None) -> KeyWish:
    """Each scope once, in the order of the list; the least role that they need."""
    if not scopes:
        raise InvalidInput("Choose at least one thing that the key may do.")
    chosen = tuple(scope for scope in Scope if scope in scopes)
    return KeyWish(valid_key_name(name), chosen, Role.ADMIN if needs_admin(chosen) else Role.MEMBER, days)


def _scopes(names: tuple[str, ...]) -> tuple[Scope, ...]:
    found = tuple(scope for name in names if (scope := scope_of(name)) is not None)
    if len(found) < len(names):
        raise InvalidInput("There is no such scope: choose from the list.")
    return found


def _days(text: str) -> int | None:
    if text == "never":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_DAYS):
        raise InvalidInput("Choose when the key expires.")
    return int(text)


def ago(now: datetime, then: datetime) -> str:
    """How long ago, as coarse as it is known: uses are told once in some minutes."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 10:
        return "minutes ago"
    for size, word in ((24 * 60, "day"), (60, "hour")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return f"{minutes} minutes ago"


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        state=key.state,
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )

"""Who may do what: dependencies for routes.

@router.get("/audit")
async def audit(session: Annotated[Session, Depends(admin)]) -> Response: ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

import core.log
from core.context import working_for
from core.errors import Forbidden, Transient, Unauthenticated
from web import api_keys
from web.api_keys import NotForKeys
from web.limits import Asker
from web.scopes import mark_of
from web.session import Session
from web.state import SESSION_IN_SCOPE, Web, web_of

SESSION_COOKIE = "__session"  # Clerk's name

WORKSPACE_IN_SCOPE = "callmine.workspace_id"  # where the access log, which outlives the session, finds it

# Where API keys are taken, each route saying which scope it needs; and where whoever serves asks for scopes itself.
KEYS_BELOW = "/api/v1/"
SCOPES_ASKED_WITHIN = ("/mcp",)

_log = core.log.logger("web.access")


class OtherSite(Forbidden):
    """A request that would change something was made by another site's page."""

    problem = "other-site"
    title = "This request came from another site"


_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_ORIGIN = frozenset({"same-origin", "none"})


async def member(request: Request) -> AsyncIterator[Session]:
    """The signed-in person, in either role; the request then works for that workspace. Raises Unauthenticated, Forbidden.

    A request that changes something and carries its session in a cookie must come from our own pages, since a browser
    sends the cookie along with anybody's form. Who was removed since the token was made is not let in. An API key works for the person
    who made it, on routes that declare a scope (`web.scopes.needs`) which it has been given, as often as `web.limits` lets it.
    """
    token, from_cookie = _token(request)
    web = web_of(request)
    if not from_cookie and api_keys.is_key(token):
        session = await _session_of_key(request, web, token)
    else:
        session = await web.sessions.session(token, from_cookie=from_cookie)
    if from_cookie and request.method not in _SAFE_METHODS and not _is_same_origin(request):
        raise OtherSite("This request did not come from one of Callmine's own pages. Open the page and try again.")
    if web.members is not None:
        session = await web.members.confirm(session)
    await _count(request, web, session)
    request.scope[WORKSPACE_IN_SCOPE] = session.workspace_id
    request.scope[SESSION_IN_SCOPE] = session
    with working_for(workspace_id=session.workspace_id):
        yield session


async def admin(session: Annotated[Session, Depends(member)]) -> Session:
    """The signed-in person, who must be an admin of the workspace. Raises Unauthenticated or Forbidden."""
    if not session.is_admin:
        raise Forbidden("Only admins of this workspace can do this. Ask one of them, or to be made an admin.")
    return session


async def _session_of_key(request: Request, web: Web, token: str) -> Session:
    presented = api_keys.parse(token)
    if web.keys is None:
        raise Unauthenticated("API keys are not taken here. Sign in.")
    if web.limits is not None:
        web.limits.refuse_known(request.scope, presented.digest)
    known = await web.keys.find(presented.workspace_id, presented.key_id)
    session = api_keys.judged(presented, known)
    if web.limits is not None:
        await web.limits.count(request.scope, _asker(session, presented.digest))
    _check_scope(request, session)
    if known is not None and known.use_is_due:
        await _note_use(web, session)
    return session


def _check_scope(request: Request, session: Session) -> None:
    """A route that says nothing of scopes is closed to keys."""
    path, mark = request.url.path, mark_of(request.scope.get("route"))
    if path in SCOPES_ASKED_WITHIN:
        return
    if not path.startswith(KEYS_BELOW) or mark is None or mark.scope is None:
        raise NotForKeys("API keys open the API, /api/v1, but not this part of it, and no pages. Sign in as a person.")
    api_keys.require(session, mark.scope)


def _asker(session: Session, digest: bytes | None = None) -> Asker:
    """Whose limits count for what `session` asks."""
    if session.key is None:
        return Asker(session.workspace_id, "person", session.user_id)
    return Asker(session.workspace_id, "key", str(session.key.key_id), digest)


async def _count(request: Request, web: Web, session: Session) -> None:
    """Count what has not been counted with its key. What a person's browser asks for, a page's live updates too, is never limited."""
    if web.limits is None or session.from_cookie:
        return
    if session.key is None and request.url.path in SCOPES_ASKED_WITHIN:
        await web.limits.count(request.scope, _asker(session))
    mark = mark_of(request.scope.get("route"))
    if session.key is not None and mark is not None and mark.costly:
        await count_costly(request, session)


async def count_costly(request: Request, session: Session) -> None:
    """Count something that costs much, for who serves several things at one address. Raises TooManyRequests, Transient."""
    limits = web_of(request).limits
    if limits is not None and not session.from_cookie:
        await limits.count_costly(request.scope, _asker(session))


async def _note_use(web: Web, session: Session) -> None:
    """For the page that shows when a key was last used: nothing that a request should fail for."""
    if web.keys is None or session.key is None:
        return
    try:
        await web.keys.note_use(session.workspace_id, session.key.key_id)
    except Transient as error:
        _log.warning("the use of a key was not noted", cause=type(error).__name__)


def _token(request: Request) -> tuple[str, bool]:
    """The token, and whether the browser sent it by itself. A header wins: only code of ours or a client sets it."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip(), False
    if scheme:
        raise Unauthenticated("Use `Authorization: Bearer <session token or API key>`, or sign in.")
    return request.cookies.get(SESSION_COOKIE, ""), True


def _is_same_origin(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in _SAME_ORIGIN
    return request.headers.get("origin") == web_of(request).settings.public_url

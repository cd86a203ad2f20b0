"""What passes between the sandbox's Clerk and a browser: cookies, where to go next, and who may post."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from local.sandbox.clerk.tokens import CLIENT_SECONDS, Mint, Session
from local.sandbox.settings import ClerkSettings

SESSION_COOKIE = "__session"
CLIENT_COOKIE = "__client"
RENEWED_COOKIE = "__clerk_renewed"
RENEWED_SECONDS = 5
"""Somebody sent back to sign in this soon after a renewal was not let in: show the page instead of going in circles."""

_UNSAFE = re.compile(r"[\x00-\x20\\\x7f]")


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser side of one Clerk instance behind one front door."""

    settings: ClerkSettings
    mint: Mint

    def session_of(self, request: Request) -> Session | None:
        """Who is signed in with this browser, by its client cookie."""
        token = request.cookies.get(CLIENT_COOKIE)
        return self.mint.read_client_token(token) if token else None

    def origin_of(self, request: Request) -> str:
        """The application's origin: as configured, or else as the front door saw it."""
        if self.settings.front_door_origin:
            return self.settings.front_door_origin.rstrip("/")
        scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
        host = request.headers.get("x-forwarded-host", request.headers.get("host", ""))
        return f"{scheme}://{host}"

    def is_own_post(self, request: Request) -> bool:
        """Whether a form was posted by a page of the application itself."""
        origin = request.headers.get("origin")
        return origin is None or origin == self.origin_of(request)

    def safe_path(self, request: Request, wanted: str | None) -> str:
        """``wanted`` if it is a path within the application (or its full URL), ``/`` for anything else."""
        target = wanted or "/"
        if target.startswith(f"{self.origin_of(request)}/"):
            target = target.removeprefix(self.origin_of(request))
        foreign = not target.startswith("/") or target.startswith("//")
        return "/" if foreign or _UNSAFE.search(target) else target

    def send_on(self, request: Request, session: Session, target: str) -> Response:
        """To ``target``, signed in."""
        response = RedirectResponse(target, status_code=303)
        self.sign_in(request, response, session)
        response.set_cookie(RENEWED_COOKIE, "1", max_age=RENEWED_SECONDS, path=self.settings.link_prefix, httponly=True)
        return response

    def sign_in(self, request: Request, response: Response, session: Session) -> None:
        """Sets both cookies. The session cookie is readable by scripts, as Clerk's is: its script renews it."""
        token = self.mint.session_token(session, self.origin_of(request))
        response.set_cookie(SESSION_COOKIE, token, max_age=CLIENT_SECONDS, path="/", samesite="lax")
        client = self.mint.client_token(session)
        prefix = self.settings.link_prefix
        response.set_cookie(CLIENT_COOKIE, client, max_age=CLIENT_SECONDS, path=prefix, samesite="lax", httponly=True)

    def sign_out(self, response: Response) -> None:
        """Takes the cookies away."""
        response.delete_cookie(SESSION_COOKIE, path="/", samesite="lax")
        response.delete_cookie(CLIENT_COOKIE, path=self.settings.link_prefix, samesite="lax", httponly=True)

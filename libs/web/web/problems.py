"""Errors as answers: problem+json (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import core.log
from core.context import current
from core.errors import CallmineError, InvalidInput, NotFound, Transient, Unauthenticated
from web.pages import Pages
from web.state import SESSION_IN_SCOPE

PROBLEM_JSON = "application/problem+json"

# `tag:` addresses (RFC 4151) name a problem type for good without promising a page there.
_TYPE = "tag:callmine.ai,2026:problem/"

_log = core.log.logger("web.problems")
_pages = Pages("web")

# pydantic's own words may quote the input, so each kind of error has words here.
_WORDS = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "uuid_parsing": "must be a UUID",
    "datetime_from_date_parsing": "must be a date and time",
    "datetime_parsing": "must be a date and time",
    "date_from_datetime_parsing": "must be a date",
    "date_parsing": "must be a date",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "does not have the expected form",
    "enum": "is not one of the allowed values",
    "literal_error": "is not one of the allowed values",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
    "extra_forbidden": "is not expected here",
    "json_invalid": "is not JSON",
    "json_type": "is not JSON",
}


class Problem(Struct, frozen=True):
    """What is told about an error."""

    status: int
    slug: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)
    errors: tuple[dict[str, str], ...] = ()
    extra: dict[str, object] = field(default_factory=dict)

    def body(self, instance: str) -> dict[str, object]:
        """The members of RFC 9457, a reference to the log, and `errors` where fields are at fault."""
        members: dict[str, object] = {
            "type": _TYPE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reference": current().correlation_id,
        }
        return self.extra | members | ({"errors": list(self.errors)} if self.errors else {})


def install(app: FastAPI) -> None:
    """Answer every error of `app` in one way."""
    app.add_exception_handler(CallmineError, _on_callmine_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def unexpected() -> Problem:
    """An error nobody foresaw; its text stays inside."""
    error = CallmineError
    detail = "The error has been recorded. Try again; if it stays, write to support with the reference below."
    return Problem(500, error.problem, error.title, detail)


def answer(request: Request, problem: Problem) -> Response:
    """`problem` as a page for a browser, as problem+json for everything else."""
    if not wants_html(request):
        return JSONResponse(problem.body(request.url.path), problem.status, problem.headers, PROBLEM_JSON)
    template, session = "error.html", request.scope.get(SESSION_IN_SCOPE)
    if problem.status == 401:
        template, session = "sign_in.html", None
    return _pages.render(
        request, template, session, status_code=problem.status, headers=problem.headers, problem=problem
    )


def wants_html(request: Request) -> bool:
    """Whether the asker is a browser opening a page: it names text/html, and is not htmx fetching a part."""
    if request.headers.get("hx-request") == "true":
        return False
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return "text/html" in accepted and "application/json" not in accepted[: accepted.index("text/html")]


async def _on_callmine_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, CallmineError):
        raise error
    if error.status >= 500:
        _log.error("request failed", error=error, status=error.status)
    return answer(request, problem_of(error))


def problem_of(error: CallmineError) -> Problem:
    """`error` in the words of its class; what is wrong inside (500) keeps its text to itself."""
    if error.status == 500:
        return unexpected()
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, Transient) and error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    members = getattr(error, "members", {})
    return Problem(error.status, error.problem, error.title, str(error), headers, extra=dict(members))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = tuple(_fault(item) for item in error.errors())
    detail = "; ".join(f"{fault['field']} {fault['problem']}" for fault in faults[:5]) + "."
    return answer(request, Problem(400, InvalidInput.problem, InvalidInput.title, detail, errors=faults))


def _fault(item: dict[str, object]) -> dict[str, str]:
    kind, place = str(item.get("type", "")), item.get("loc", ())
    steps = list(place) if isinstance(place, Sequence) else []
    # The last step of an unexpected field is a name the sender chose.
    steps = steps[:-1] if kind in {"extra_forbidden", "json_invalid"} else steps
    name = ".".join(str(step) for step in steps[1:]) or "the request"
    return {"field": re.sub(r"[^A-Za-z0-9_. -]", "?", name)[:60], "problem": _WORDS.get(kind, "is not valid")}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return answer(request, http_problem(error.status_code, dict(error.headers or {})))


def http_problem(status: int, headers: dict[str, str] | None = None) -> Problem:
    """A problem that is told by its status alone (no such page, wrong method, too large)."""
    phrase = HTTPStatus(status).phrase
    usual = (phrase.lower().replace(" ", "-"), phrase, f"{phrase}.")
    slug, title, detail = _STATUS_WORDS.get(status, usual)
    return Problem(status, slug, title, detail, headers or {})


_STATUS_WORDS = {
    404: (
        NotFound.problem,
        NotFound.title,
        "There is nothing here. It may have been removed, or the address is mistyped.",
    ),
    405: ("wrong-method", "This cannot be done here", "The page exists, but not for this kind of request."),
    413: ("too-large", "That is too large", "The request is larger than this page accepts. Send less at once."),
}

"""One OpenAPI document for the API of all five services, made from their routes.

    python -m house.openapi            write libs/web/web/openapi.json
    python -m house.openapi --check    fail where the file is not what the routes give

The routers are put together around nothing: what they answer with is never called, only looked at.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

import analysis.http
import audit.http
import audit.log.routes
import audit.staff.routes
import audit.streaming.http
import credential_vault.http.integrations
import credential_vault.http.signing
import ingest.http
import retention.http
from house.projects import ROOT
from retention.http.billing import BillingRoutes
from retention.http.erasure import ErasureRoutes
from retention.http.person_erasure import PersonErasureRoutes
from retention.http.report_erasure import ReportErasureRoutes
from web.scopes import Needs, Scope, mark_of

FILE = ROOT / "libs/web/web/openapi.json"
REPORT_SCHEMA = ROOT / "docs/report.schema.json"
API = "/api/v1/"

# Open to everybody: a description of the API, nothing of a workspace.
PUBLIC = frozenset({"/api/v1/openapi.json", "/api/v1/docs"})

_DESCRIPTION = """Everything that the pages do, for programs. A workspace's admins make API keys on `/settings/api-keys`; a key is sent as
`Authorization: Bearer callmine_live_…` and works in the workspace it was made in, for the admin who made it, as far as its scopes go.

Errors are problem+json (RFC 9457). Lists are paged by cursor: what an answer gives as `next` goes into the next request, null or empty ends
the list. Answers to a GET carry a strong ETag; send it back as If-None-Match, or as If-Match with a change. A POST that makes something
takes an Idempotency-Key: the same request with it is carried out once in 24 hours.

Each answer to an API key has `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): how many requests a minute
the key and all keys of its workspace may make, and how many are left. Operations with `x-costly` have a lower limit besides."""

_PROBLEMS = {
    "400": "Something in the request is not right",
    "401": "No key or session, or one that does not hold",
    "403": "The key lacks the scope, or the person the role",
    "404": "There is no such thing in this workspace",
    "402": "The plan's quota is used up",
    "409": "Not possible in this state, or a repetition while the first request is under way",
    "412": "It is not what If-Match says any more",
    "422": "This cannot be processed, or the Idempotency-Key belongs to another request",
    "429": "Too many requests, or too much at once: try again after Retry-After",
    "503": "Not possible for the moment: try again after Retry-After",
}

_TAGS = (
    ("Runs", ("/previews", "/runs")),
    ("Reports", ("/reports", "/findings")),
    ("Delivery", ("/delivery", "/deliveries")),
    ("Schedules", ("/schedules",)),
    ("Members", ("/members", "/invitations")),
    ("Workspace", ("/workspace", "/plan", "/usage", "/erasure")),
    ("Billing", ("/billing",)),
    ("API keys", ("/api-keys",)),
    ("Integrations", ("/integrations",)),
    ("Audit log", ("/audit",)),
)

Json = dict[str, Any]


def routers() -> dict[str, tuple[APIRouter, ...]]:
    """The routers with the API of each service, put together around nothing."""
    nothing, desk = cast("Any", None), cast("Any", SimpleNamespace(db=None))
    return {
        "ingest": (ingest.http.router(nothing, nothing, nothing, nothing),),
        "analysis": analysis.http.routers(desk, nothing, nothing, nothing, nothing, ""),
        "credential-vault": (
            credential_vault.http.integrations.router(nothing),
            credential_vault.http.signing.router(nothing),
        ),
        "audit": (
            *audit.http.routers(nothing),
            audit.log.routes.log_router(nothing, nothing),
            audit.streaming.http.streaming_router(nothing),
            audit.staff.routes.staff_router(nothing),
        ),
        "retention": (
            retention.http.router(
                BillingRoutes(nothing, nothing, nothing, nothing, nothing),
                (
                    ErasureRoutes(nothing, nothing, nothing, nothing, nothing),
                    ReportErasureRoutes(nothing, nothing, nothing),
                    PersonErasureRoutes(nothing, nothing, nothing),
                ),
                nothing,
                (),
                nothing,
            ),
        ),
    }


def api_routes(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """The API's routes of an app, with their paths; those that are open to everybody left out."""
    for found in iter_route_contexts(app.routes):
        path, route = found.path or "", found.original_route
        if path.startswith(API) and path not in PUBLIC and isinstance(route, APIRoute):
            yield path, route


def apps() -> dict[str, FastAPI]:
    """An app of each service's routers, for looking at."""
    made = {}
    for service, found in routers().items():
        made[service] = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        for router in found:
            made[service].include_router(router)
    return made


def unmarked(app: FastAPI) -> list[str]:
    """The API's routes that do not say which scope a key needs."""
    return [
        f"{'/'.join(sorted(route.methods or ()))} {path}" for path, route in api_routes(app) if mark_of(route) is None
    ]


def document() -> Json:
    """The whole document."""
    paths: Json = {}
    schemas: Json = {"Problem": _problem_schema(), "Report": _report_schema()}
    for app in apps().values():
        routes = dict(api_routes(app))
        described = get_openapi(title="", version="1", routes=app.routes)
        for path in routes:
            paths[path] = {**paths.get(path, {}), **described["paths"].get(path, {})}
        _mark(paths, app)
        for name, schema in described.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two services describe {name} differently: give one of them another name")
    found: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Callmine API", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}, {"session": []}],
        "tags": [{"name": name} for name, _ in _TAGS],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {"schemas": schemas, "securitySchemes": _schemes(), "responses": _responses()},
    }
    _drop_unused(found)
    return found


def _mark(paths: Json, app: FastAPI) -> None:
    for path, route in api_routes(app):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            _complete(paths[path][method.lower()], path, method, mark_of(route))


def _complete(operation: Json, path: str, method: str, mark: Needs | None) -> None:
    """What routes do not say themselves: who may call, what goes wrong, tags and names."""
    scope = mark.scope if mark else None
    operation["security"] = [{"session": []}, *([{"apiKey": [scope.value]}] if scope else [])]
    operation["x-scope"] = scope.value if scope else None
    operation["x-costly"] = bool(mark and mark.costly)
    operation["tags"] = [next(name for name, starts in _TAGS if path[len(API) - 1 :].startswith(starts))]
    operation["operationId"] = _operation_id(method, path)
    once = any(one.get("name") == "idempotency-key" for one in operation.get("parameters", []))
    statuses = ["400", "401", "403", "503"]
    statuses += ["404"] if "{" in path or path.endswith(("/plan", "/workspace", "/erasure")) or method != "GET" else []
    # What a route says itself; 422 is said of every route that takes anything, and answered by those that change something.
    statuses += [code for code in operation["responses"] if code in _PROBLEMS and code != "422"]
    statuses += ["409", "422"] if method != "GET" else []
    statuses += ["429"] if scope else []
    statuses += ["402"] if method == "POST" and path.endswith(("/runs", "/run", "/resume", "/previews")) else []
    matched = method in {"PUT", "DELETE"} and path.startswith((f"{API}schedules/", f"{API}workspace/"))
    statuses += ["412"] if matched else []
    operation["responses"] = {
        code: answer for code, answer in operation["responses"].items() if not code.startswith(("4", "5"))
    } | {code: {"$ref": f"#/components/responses/{code}"} for code in sorted(set(statuses))}
    parameters = operation.setdefault("parameters", [])
    if matched:
        parameters.append(_header("If-Match", "The ETag that was read: anything else by now is answered 412"))
    if method == "GET" and "text/event-stream" not in operation["responses"]["200"].get("content", {}):
        parameters.append(
            _header("If-None-Match", "The ETag of the answer that you have: the same one is not sent again")
        )
        _tag_answers(operation)
    for one in parameters:
        if one.get("in") == "header":
            one["name"] = "-".join(part.capitalize() for part in one["name"].split("-"))
    if once:
        operation["x-idempotent"] = True
    if not parameters:
        del operation["parameters"]


def _tag_answers(operation: Json) -> None:
    for code, answer in operation["responses"].items():
        if code == "200":
            answer["headers"] = {"ETag": {"description": "Strong tag of the body", "schema": {"type": "string"}}}
    operation["responses"]["304"] = {"description": "What you have is still what there is"}


def _operation_id(method: str, path: str) -> str:
    words = re.sub(r"[^a-z]+", "_", re.sub(r"\{\w+\}", "one", path[len(API) :])).strip("_")
    return f"{method.lower()}_{words}"


def _header(name: str, words: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": {"type": "string"}}


def _schemes() -> Json:
    scopes = "\n".join(
        f"- `{scope.value}`: {scope.words}{' (for admins)' if scope.for_admins else ''}" for scope in Scope
    )
    return {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "callmine_live_…",
            "description": f"An API key of the workspace. Its scopes:\n\n{scopes}",
        },
        "session": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The session token of a person who is signed in; what may be done follows from the person's role",
        },
    }


def _responses() -> Json:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: Json = {code: {"description": words, "content": content} for code, words in _PROBLEMS.items()}
    for code in ("429", "503"):
        found[code]["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return found


def _problem_schema() -> Json:
    text = {"type": "string"}
    return {
        "title": "Problem",
        "description": "An error (RFC 9457). `reference` finds it in our logs; `errors` names fields; other members depend on the type.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "reference"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": text,
            "reference": text,
            "scope": {**text, "description": "The scope that the key lacks"},
            "violated-policies": {"type": "array", "items": text, "description": "The limits that are used up (429)"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"field": text, "problem": text},
                    "required": ["field", "problem"],
                },
            },
        },
        "examples": [
            {
                "type": "tag:callmine.ai,2026:problem/missing-scope",
                "title": "This API key may not do that",
                "status": 403,
                "detail": "This needs the scope runs:write. Make a key that has it on /settings/api-keys.",
                "instance": "/api/v1/runs",
                "reference": "0195520d-9d52-7000-8000-0000000000d4",
                "scope": "runs:write",
            }
        ],
    }


def _report_schema() -> Json:
    """The report's own schema, with its definitions where references from here find them."""
    text = REPORT_SCHEMA.read_text().replace('"#/$defs/', '"#/components/schemas/Report/$defs/')
    loaded: Json = json.loads(text)
    del loaded["$schema"]
    return loaded


def _drop_unused(found: Json) -> None:
    """Schemas that nothing refers to: FastAPI's own errors, and what only pages take."""
    schemas: Json = found["components"]["schemas"]
    while True:
        text = json.dumps(found)
        unused = [name for name in schemas if f'"#/components/schemas/{name}"' not in text]
        if not unused:
            return
        for name in unused:
            del schemas[name]


def main(arguments: list[str]) -> int:
    """Write or check the file."""
    made = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        FILE.write_text(made)
    elif not FILE.exists() or Path(FILE).read_text() != made:
        sys.stderr.write("docs/openapi.json is not what the routes give: run 'make openapi'\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

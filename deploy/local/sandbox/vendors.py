"""The providers the sandbox plays, and the error bodies each of them writes."""

from __future__ import annotations

import uuid
from enum import StrEnum

from starlette.responses import JSONResponse


class Provider(StrEnum):
    """Who is played; the value names the provider on the switchboard and in the journal."""

    GONG = "gong"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    CLERK = "clerk"
    GOOGLE = "google"
    HUBSPOT = "hubspot"
    SLACK = "slack"
    STRIPE = "stripe"
    SIEM = "siem"


_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_TOO_MANY = 429
_UNAUTHORISED = 401
_OVERLOADED = 500


def gong_error(status: int, message: str, retry_after: int | None = None) -> JSONResponse:
    """Gong's error: a request id and human sentences, no code."""
    body = {"requestId": uuid.uuid4().hex[:19], "errors": [message]}
    return JSONResponse(body, status, headers=_retry(retry_after))


def openai_error(
    status: int, message: str, code: str | None = None, param: str | None = None, retry_after: int | None = None
) -> JSONResponse:
    """OpenAI's error: all four keys are always there."""
    kind = {_TOO_MANY: "rate_limit_error"}.get(
        status, "server_error" if status >= _OVERLOADED else "invalid_request_error"
    )
    error = {"message": message, "type": kind, "param": param, "code": code or _OPENAI_CODES.get(status)}
    headers = {"x-request-id": f"req_{uuid.uuid4().hex}", **_retry(retry_after)}
    return JSONResponse({"error": error}, status, headers=headers)


def anthropic_error(status: int, message: str, retry_after: int | None = None) -> JSONResponse:
    """Anthropic's error; the type follows from the status."""
    request_id = f"req_{uuid.uuid4().hex[:24]}"
    error = {"type": _ANTHROPIC_TYPES.get(status, "api_error"), "message": message}
    headers = {"request-id": request_id, **_retry(retry_after)}
    return JSONResponse({"type": "error", "error": error, "request_id": request_id}, status, headers=headers)


def clerk_error(status: int, code: str, message: str, retry_after: int | None = None) -> JSONResponse:
    """Clerk's error: a list of coded errors and a trace id."""
    body = {
        "errors": [{"message": message, "long_message": message, "code": code}],
        "clerk_trace_id": uuid.uuid4().hex,
    }
    return JSONResponse(body, status, headers=_retry(retry_after))


def oauth_error(status: int, code: str, description: str, retry_after: int | None = None) -> JSONResponse:
    """The error of a token endpoint by RFC 6749, 5.2, as Gong answers it."""
    headers = {"cache-control": "no-store", **_retry(retry_after)}
    return JSONResponse({"error": code, "error_description": description}, status, headers=headers)


def hubspot_error(
    status: int, code: str, description: str, legacy: str = "ERROR", retry_after: int | None = None
) -> JSONResponse:
    """HubSpot's token error: RFC 6749's two fields, and the two of old beside them."""
    body = {"error": code, "error_description": description, "status": legacy, "message": description}
    return JSONResponse(body, status, headers={"cache-control": "no-store", **_retry(retry_after)})


_CRM_CATEGORIES = {
    400: "VALIDATION_ERROR",
    401: "INVALID_AUTHENTICATION",
    403: "MISSING_SCOPES",
    404: "OBJECT_NOT_FOUND",
    429: "RATE_LIMITS",
}


def hubspot_crm_error(
    status: int, message: str, category: str = "", policy: str = "", retry_after: int | None = None
) -> JSONResponse:
    """HubSpot's error of the CRM's paths; ``policy`` names the limit that a 429 is about."""
    body = {
        "status": "error",
        "message": message,
        "correlationId": str(uuid.uuid4()),
        "category": category or _CRM_CATEGORIES.get(status, "INTERNAL_ERROR"),
    }
    if policy:
        body |= {"errorType": "RATE_LIMIT", "policyName": policy}
    return JSONResponse(body, status, headers=_retry(retry_after))


def slack_error(code: str, status: int = 200, retry_after: int | None = None) -> JSONResponse:
    """Slack's error: 200 nearly always, and a code."""
    return JSONResponse({"ok": False, "error": code}, status, headers=_retry(retry_after))


def stripe_error(
    status: int, message: str, code: str = "", param: str = "", *, kind: str = "", retry_after: int | None = None
) -> JSONResponse:
    """Stripe's error; the kind follows from the status where it is not given."""
    fallback = "api_error" if status >= _OVERLOADED else "invalid_request_error"
    error = {"type": kind or fallback, "message": message}
    error |= {"code": code} if code else {}
    error |= {"param": param} if param else {}
    headers = {"request-id": f"req_{uuid.uuid4().hex[:14]}", **_retry(retry_after)}
    return JSONResponse({"error": error}, status, headers=headers)


def error_response(
    provider: Provider, status: int, retry_after: int | None, path: str = "", policy: str = ""
) -> JSONResponse:
    """The error a provider would answer with ``status`` at ``path``, for faults on demand."""
    message = f"The sandbox was asked to answer {status}"
    match provider:
        case Provider.OPENAI:
            return openai_error(status, message, retry_after=retry_after)
        case Provider.ANTHROPIC:
            return anthropic_error(status, message, retry_after)
        case Provider.CLERK | Provider.GOOGLE:
            code = "authentication_invalid" if status == _UNAUTHORISED else "internal_error"
            return clerk_error(status, code, message, retry_after)
        case Provider.GONG:
            return gong_error(status, message, retry_after)
        case Provider.HUBSPOT if path.startswith("/crm/"):
            return hubspot_crm_error(status, message, policy=policy, retry_after=retry_after)
        case Provider.HUBSPOT:
            code, legacy = ("rate_limited", "RATE_LIMITS") if status == _TOO_MANY else ("server_error", "ERROR")
            return hubspot_error(status, code, message, legacy, retry_after)
        case Provider.STRIPE:
            return stripe_error(status, message, "rate_limit" if status == _TOO_MANY else "", retry_after=retry_after)
        case Provider.SIEM:
            return JSONResponse({"error": message}, status, headers=_retry(retry_after))
        case Provider.SLACK:
            return slack_error("ratelimited" if status == _TOO_MANY else "internal_error", status, retry_after)


def _retry(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": str(seconds)}

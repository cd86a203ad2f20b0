"""Reads what a client posts to a token endpoint."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from local.sandbox.oauth.office import TokenOffice

LONGEST_BODY = 64 * 1024
"""Bytes; a token request is a few hundred."""
_FORM = "application/x-www-form-urlencoded"
_OPERATIONS = {"refresh_token": "refresh", "code": "code", "token": "token"}


class FormFault(Exception):
    """The request cannot be read; the text says why and quotes nothing of it."""


async def read_form(request: Request, *, query_too: bool = False) -> dict[str, str]:
    """The posted fields (and those of the query, where the vendor takes them there). Raises FormFault."""
    body = await request.body()
    if len(body) > LONGEST_BODY:
        raise FormFault("the body is too long")
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if body and kind != _FORM:
        raise FormFault(f"the body must be {_FORM}")
    pairs = _pairs(body)
    if query_too:
        pairs += _pairs(request.url.query.encode())
    if len({name for name, _ in pairs}) < len(pairs):
        raise FormFault("a parameter was given twice")
    return {name: value for name, value in pairs if value}


def wanted(form: dict[str, str], name: str) -> str:
    """A field that must be there. Raises FormFault naming it."""
    if name not in form:
        raise FormFault(f"missing parameter: {name}")
    return form[name]


def note_spoiled(office: TokenOffice, query: bytes, body: bytes) -> None:
    """Writes down a call that a fault kept from taking effect: it counts as a call all the same."""
    fields = dict(_pairs(query) + _pairs(body))
    for name, operation in _OPERATIONS.items():
        if fields.get(name):
            office.note(operation, fields[name], "spoiled")
            return


def _pairs(text: bytes) -> list[tuple[str, str]]:
    return parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)

"""How Slack takes arguments: a form or JSON, and the token in the header or among them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.requests import Request

from local.sandbox.oauth.clients import bearer_token
from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.forms import FormFault, read_form
from local.sandbox.oauth.ledger import Ending, Family
from local.sandbox.oauth.office import Standing

Arguments = dict[str, object]


class SlackRefused(Exception):
    """The method answers ``ok: false`` with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def json_of(arguments: Arguments, name: str, refusal: str) -> object:
    """An argument that is JSON: itself in a body of JSON, as text in a form. None where there is none. Raises SlackRefused."""
    value = arguments.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except ValueError:
        raise SlackRefused(refusal) from None


@dataclass(frozen=True, slots=True)
class Caller:
    """A token that is good, and whose it is."""

    token: str
    family: Family


async def read_arguments(request: Request) -> Arguments:
    """The arguments of a method: of a GET those of the query. Raises SlackRefused."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        try:
            given = json.loads(await request.body())
        except ValueError:
            raise SlackRefused("invalid_json") from None
        if not isinstance(given, dict):
            raise SlackRefused("json_not_object")
        return given
    try:
        return dict(await read_form(request, query_too=request.method == "GET"))
    except FormFault:
        raise SlackRefused("invalid_form_data") from None


def caller_of(request: Request, arguments: Arguments, desk: Desk) -> Caller:
    """Who calls. Raises SlackRefused with what Slack says of a token that is missing, unknown, expired or ended."""
    token = bearer_token(request.headers.get("authorization", "")) or str(arguments.get("token", ""))
    if not token:
        raise SlackRefused("not_authed")
    shown = desk.office.show(token)
    if shown.family is None or shown.is_refresh:
        raise SlackRefused("invalid_auth")
    if shown.standing is Standing.ENDED:
        raise SlackRefused("account_inactive" if shown.family.ended is Ending.UNINSTALLED else "token_revoked")
    if shown.standing is Standing.EXPIRED:
        raise SlackRefused("token_expired")
    return Caller(token, shown.family)

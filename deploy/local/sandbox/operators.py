"""The sandbox's own routes: is it ready, what should go wrong, what was asked of it. All but the first take the admin token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.sandbox.clerk.api import is_admin
from local.sandbox.corpus.library import Library
from local.sandbox.faults import Fault, Switchboard
from local.sandbox.journal import Journal
from local.sandbox.settings import SandboxSettings
from local.sandbox.slack.messages import Messages

_TEXTS: TypeAdapter[list[str]] = TypeAdapter(list[str])

Endpoint = Callable[[Request], Awaitable[Response]]
Control = tuple[str, str, Endpoint]
"""Path, method and endpoint of a route that takes the admin token."""


@dataclass(frozen=True, slots=True)
class Operators:
    """What a test or an operator reaches."""

    settings: SandboxSettings
    library: Library
    switchboard: Switchboard
    journal: Journal
    messages: Messages

    def routes(self, more: Sequence[Control]) -> list[BaseRoute]:
        """The routes, and ``more`` behind the same token."""
        controls: list[Control] = [
            ("/_faults", "POST", self._arm),
            ("/_faults", "GET", self._faults),
            ("/_faults", "DELETE", self._disarm),
            ("/_journal", "GET", self._read_journal),
            ("/_journal", "DELETE", self._clear_journal),
            ("/_journal/watched", "PUT", self._watch),
            ("/_slack/messages", "GET", self._read_messages),
            ("/_slack/messages", "DELETE", self._clear_messages),
            *more,
        ]
        token = self.settings.admin_token.get_secret_value()
        guarded = [Route(path, _admin_only(endpoint, token), methods=[method]) for path, method, endpoint in controls]
        return [Route("/_ready", self._ready), *guarded]

    async def _ready(self, _request: Request) -> Response:
        counts = {name: len(calls) for name, calls in self.library.calls.items()}
        return JSONResponse({"ready": True, "calls": counts, "issuer": self.settings.issuer})

    async def _arm(self, request: Request) -> Response:
        try:
            self.switchboard.arm(Fault.model_validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse(
                {"errors": error.errors(include_input=False, include_context=False)}, HTTPStatus.BAD_REQUEST
            )
        return JSONResponse({"faults": self.switchboard.report()}, HTTPStatus.CREATED)

    async def _faults(self, _request: Request) -> Response:
        return JSONResponse({"faults": self.switchboard.report()})

    async def _disarm(self, _request: Request) -> Response:
        self.switchboard.disarm()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _read_journal(self, _request: Request) -> Response:
        return JSONResponse({"model_requests": self.journal.report(), "token_calls": self.journal.token_calls()})

    async def _clear_journal(self, _request: Request) -> Response:
        self.journal.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _watch(self, request: Request) -> Response:
        try:
            self.journal.watch(_TEXTS.validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse({"errors": error.errors(include_input=False)}, HTTPStatus.BAD_REQUEST)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _read_messages(self, _request: Request) -> Response:
        return JSONResponse({"messages": self.messages.report()})

    async def _clear_messages(self, _request: Request) -> Response:
        self.messages.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _admin_only(endpoint: Endpoint, admin_token: str) -> Endpoint:
    async def checked(request: Request) -> Response:
        if not is_admin(request, admin_token):
            return JSONResponse({"error": "Send the sandbox's admin token as Bearer"}, HTTPStatus.UNAUTHORIZED)
        return await endpoint(request)

    return checked

"""What tests and operators may do to the OAuth servers; all of it takes the sandbox's admin token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.ledger import Family
from local.sandbox.oauth.office import Issued
from local.sandbox.oauth.rules import Rules
from local.sandbox.vendors import Provider

Reply = Callable[[Issued], dict[str, object]]
Control = tuple[str, str, Callable[[Request], Awaitable[Response]]]
_FAMILY = TypeAdapter(Family)
_T = TypeVar("_T")


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Uninstall(_Order):
    """Whose access ends."""

    account: str


class Expire(_Order):
    """Whose tokens expire now (all accounts' without one), and whether the refresh tokens do as well."""

    account: str | None = None
    refresh: bool = False


class Tokens(_Order):
    """Tokens to hand out without a consent page; ``client_id`` is the first registered one where none is given."""

    account: str
    scopes: tuple[str, ...]
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class OAuthControls:
    """The controls over all desks; ``replies`` write a token reply as each vendor does."""

    desks: Mapping[Provider, Desk]
    replies: Mapping[Provider, Reply]
    first: Mapping[Provider, Rules]

    def routes(self) -> list[Control]:
        """Path, method and endpoint of each control, unguarded."""
        base = "/_oauth/{provider}"
        return [
            ("/_oauth", "GET", self._report),
            (f"{base}/rules", "PATCH", self._change_rules),
            (f"{base}/rules", "DELETE", self._reset_rules),
            (f"{base}/uninstall", "POST", self._uninstall),
            (f"{base}/expire", "POST", self._expire),
            (f"{base}/tokens", "POST", self._tokens),
        ]

    async def _report(self, _request: Request) -> Response:
        return JSONResponse({provider: _about(desk) for provider, desk in self.desks.items()})

    async def _change_rules(self, request: Request) -> Response:
        office = self._desk(request).office
        given = await _read(request, TypeAdapter(dict[str, object]))
        try:
            office.rules = Rules.model_validate(office.rules.model_dump() | given)
        except ValidationError as error:
            raise _bad(error) from None
        return JSONResponse(office.rules.model_dump(mode="json"))

    async def _reset_rules(self, request: Request) -> Response:
        desk = self._desk(request)
        desk.office.rules = self.first[desk.provider]
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _uninstall(self, request: Request) -> Response:
        order = await _read(request, TypeAdapter(Uninstall))
        return JSONResponse({"families_ended": self._desk(request).office.uninstall(order.account)})

    async def _expire(self, request: Request) -> Response:
        order = await _read(request, TypeAdapter(Expire))
        struck = self._desk(request).office.expire(order.account, refresh_too=order.refresh)
        return JSONResponse({"tokens_expired": struck})

    async def _tokens(self, request: Request) -> Response:
        desk = self._desk(request)
        order = await _read(request, TypeAdapter(Tokens))
        client = desk.clients.find(order.client_id) if order.client_id else next(iter(desk.clients.registered), None)
        if client is None or order.account not in {account.name for account in desk.accounts}:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No such client or account")
        issued = desk.office.give_tokens(client.client_id, order.account, order.scopes)
        return JSONResponse(self.replies[desk.provider](issued), HTTPStatus.CREATED)

    def _desk(self, request: Request) -> Desk:
        for provider, desk in self.desks.items():
            if provider == request.path_params["provider"]:
                return desk
        raise HTTPException(HTTPStatus.NOT_FOUND, "No OAuth server of that name: gong, hubspot or slack")


def _about(desk: Desk) -> dict[str, object]:
    families = [_FAMILY.dump_python(family, mode="json") for family in desk.office.ledger.families.values()]
    return {
        "rules": desk.office.rules.model_dump(mode="json"),
        "clients": [client.client_id for client in desk.clients.registered],
        "accounts": [asdict(account)["name"] for account in desk.accounts],
        "families": families,
    }


async def _read(request: Request, shape: TypeAdapter[_T]) -> _T:
    try:
        return shape.validate_json(await request.body() or b"{}")
    except ValidationError as error:
        raise _bad(error) from None


def _bad(error: ValidationError) -> HTTPException:
    fault = error.errors(include_input=False, include_context=False)[0]
    return HTTPException(HTTPStatus.BAD_REQUEST, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")

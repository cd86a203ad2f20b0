"""What an app carries for its requests."""

from __future__ import annotations

import asyncio

from msgspec import Struct, field
from starlette.requests import HTTPConnection

from core.clock import Clock, SystemClock
from egress import REGISTER, Register
from web.api_keys import KeyDirectory
from web.assets import Assets
from web.claims import Requests
from web.clerk import SessionCheck
from web.limits import RequestLimits
from web.membership import MembershipCheck
from web.settings import ServiceSettings

SESSION_IN_SCOPE = "callmine.session"  # where an error page finds who is signed in


class Web(Struct, frozen=True):
    """One service's web side, made by `create_app`. Without `members` the token alone says who is in a workspace; without `keys` no
    API key is taken; without `limits` programs may ask as often as they like. Admins are told of what `register` announces on the day
    of `clock`.

    `stopping` is set when the server is told to stop: answers that go on end then.
    """

    service: str
    settings: ServiceSettings
    sessions: SessionCheck
    assets: Assets
    members: MembershipCheck | None = None
    keys: KeyDirectory | None = None
    requests: Requests | None = None
    limits: RequestLimits | None = None
    register: Register = REGISTER
    clock: Clock = field(default_factory=SystemClock)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def web_of(request: HTTPConnection) -> Web:
    """The Web of the app that serves `request`."""
    web: Web = request.app.state.web
    return web

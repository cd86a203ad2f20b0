"""Slack's methods: who am I, end this token, post to a channel. Every refusal is a 200 with ``ok: false``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from local.sandbox.oauth.accounts import Account
from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.pages import page, sheet
from local.sandbox.slack.messages import CHANNELS, Channel, Message, Messages
from local.sandbox.slack.oauth import SlackOAuth
from local.sandbox.slack.wire import Arguments, Caller, SlackRefused, caller_of, read_arguments
from local.sandbox.vendors import slack_error

LONGEST_TEXT = 40_000
"""Characters of a message; Slack's own limit."""
Answer = Callable[[Caller, Arguments], dict[str, object]]


@dataclass(slots=True)
class SlackApi:
    """The routes below ``/slack``."""

    desk: Desk
    messages: Messages = field(default_factory=Messages)
    _posted: int = 0

    def router(self) -> Router:
        """All of Slack: OAuth, three methods, and a page with what was posted."""
        return Router(
            [
                *SlackOAuth(self.desk).routes(),
                self._route("auth.test", self._test, "GET", "POST"),
                self._route("auth.revoke", self._revoke, "POST"),
                self._route("chat.postMessage", self._post, "POST"),
                Route("/messages", self._page, methods=["GET"]),
                Route("/messages/sheet.css", sheet, methods=["GET"]),
            ]
        )

    def _route(self, method: str, answer: Answer, *verbs: str) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                arguments = await read_arguments(request)
                return JSONResponse({"ok": True, **answer(caller_of(request, arguments, self.desk), arguments)})
            except SlackRefused as refusal:
                return slack_error(refusal.code)

        return Route(f"/api/{method}", endpoint, methods=list(verbs))

    def _test(self, caller: Caller, _arguments: Arguments) -> dict[str, object]:
        account = self.desk.account(caller.family.account)
        return {
            "url": f"https://{account.name}.slack.example/",
            "team": account.title,
            "user": "callmine",
            "team_id": account.identifier("T", "team"),
            "user_id": account.identifier("U", "bot user"),
            "bot_id": account.identifier("B", "bot"),
            "is_enterprise_install": False,
        }

    def _revoke(self, caller: Caller, arguments: Arguments) -> dict[str, object]:
        if str(arguments.get("test", "")).lower() in {"1", "true"}:
            return {"revoked": False}
        self.desk.office.revoke(caller.token)
        return {"revoked": True}

    def _post(self, caller: Caller, arguments: Arguments) -> dict[str, object]:
        if "chat:write" not in caller.family.scopes:
            raise SlackRefused("missing_scope")
        account = self.desk.account(caller.family.account)
        channel = _channel(account, str(arguments.get("channel", "")))
        place = account.identifier("D" if channel.direct else "C", channel.name)
        text, blocks = str(arguments.get("text") or ""), arguments.get("blocks")
        blocks = blocks if isinstance(blocks, list) and blocks else None
        if not text and blocks is None:
            raise SlackRefused("no_text")
        if len(text) > LONGEST_TEXT:
            raise SlackRefused("msg_too_long")
        thread = str(arguments["thread_ts"]) if arguments.get("thread_ts") else None
        message = Message(account.name, channel.name, self._next_ts(), text, thread, blocks, channel.direct)
        self.messages.add(message)
        body: dict[str, object] = {
            "type": "message",
            "text": text,
            "ts": message.ts,
            "user": account.identifier("U", "bot user"),
            "team": account.identifier("T", "team"),
        }
        body |= {"thread_ts": thread} if thread else {}
        body |= {"blocks": blocks} if blocks else {}
        return {"channel": place, "ts": message.ts, "message": body}

    def _next_ts(self) -> str:
        self._posted += 1
        return f"{int(self.desk.office.clock.now().timestamp()):010}.{self._posted % 1_000_000:06}"

    async def _page(self, _request: Request) -> Response:
        return page("messages.html", "messages/sheet.css", title="Slack", messages=self.messages.newest_first())


def _channel(account: Account, wanted: str) -> Channel:
    """The channel by id or by name, with or without #; by a person's id, the conversation with them. Raises SlackRefused."""
    if wanted == account.identifier("U", "person"):
        return Channel(wanted, direct=True)
    for channel in CHANNELS:
        if wanted in {account.identifier("C", channel.name), channel.name, f"#{channel.name}"}:
            if channel.archived:
                raise SlackRefused("is_archived")
            if not channel.joined:
                raise SlackRefused("not_in_channel")
            return channel
    raise SlackRefused("channel_not_found")

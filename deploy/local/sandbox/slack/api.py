"""Slack's methods: who am I, end this token, post to a channel, which channels are there, what was posted to one.

Every refusal is a 200 with ``ok: false``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from local.sandbox.oauth.accounts import Account
from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.pages import page, sheet
from local.sandbox.slack.blocks import fault_of, mentions_in
from local.sandbox.slack.messages import CHANNELS, Channel, Message, Messages
from local.sandbox.slack.oauth import SlackOAuth
from local.sandbox.slack.wire import Arguments, Caller, SlackRefused, caller_of, json_of, read_arguments
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
        """All of Slack: OAuth, five methods, and a page with what was posted."""
        return Router(
            [
                *SlackOAuth(self.desk).routes(),
                self._route("auth.test", self._test, "GET", "POST"),
                self._route("auth.revoke", self._revoke, "POST"),
                self._route("chat.postMessage", self._post, "POST"),
                self._route("conversations.list", self._list, "GET", "POST"),
                self._route("conversations.history", self._history, "GET", "POST"),
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
        _want(caller, "chat:write")
        account = self.desk.account(caller.family.account)
        channel = _channel(account, str(arguments.get("channel", "")))
        place = account.identifier("D" if channel.direct else "C", channel.name)
        text, given = str(arguments.get("text") or ""), json_of(arguments, "blocks", "invalid_blocks_format")
        blocks = given if isinstance(given, list) and given else None
        if given is not None and fault_of(given):
            raise SlackRefused("invalid_blocks")
        metadata = _metadata(json_of(arguments, "metadata", "invalid_metadata_format"))
        if not text and blocks is None:
            raise SlackRefused("no_text")
        if len(text) > LONGEST_TEXT:
            raise SlackRefused("msg_too_long")
        thread = str(arguments["thread_ts"]) if arguments.get("thread_ts") else None
        message = Message(
            account.name,
            channel.name,
            self._next_ts(),
            text,
            thread,
            blocks,
            channel.direct,
            metadata,
            mentions_in(text, blocks),
        )
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

    def _list(self, caller: Caller, arguments: Arguments) -> dict[str, object]:
        _want(caller, "channels:read")
        account = self.desk.account(caller.family.account)
        archived_too = str(arguments.get("exclude_archived", "")).lower() not in {"1", "true"}
        found = [_conversation(account, one) for one in CHANNELS if archived_too or not one.archived]
        page, cursor = _page_of(found, arguments)
        return {"channels": page, "response_metadata": {"next_cursor": cursor}}

    def _history(self, caller: Caller, arguments: Arguments) -> dict[str, object]:
        _want(caller, "channels:history")
        account = self.desk.account(caller.family.account)
        channel = _channel(account, str(arguments.get("channel", "")), to_post=False)
        oldest = float(str(arguments.get("oldest") or 0))
        with_metadata = str(arguments.get("include_all_metadata", "")).lower() in {"1", "true"}
        found: list[dict[str, object]] = [
            {"type": "message", "user": account.identifier("U", "bot user"), "text": one.text, "ts": one.ts}
            | ({"blocks": one.blocks} if one.blocks else {})
            | ({"metadata": one.metadata} if one.metadata and with_metadata else {})
            for one in self.messages.of_channel(account.name, channel.name)
            if float(one.ts) >= oldest
        ]
        page, cursor = _page_of(found, arguments)
        return {"messages": page, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}

    def _next_ts(self) -> str:
        self._posted += 1
        return f"{int(self.desk.office.clock.now().timestamp()):010}.{self._posted % 1_000_000:06}"

    async def _page(self, _request: Request) -> Response:
        return page("messages.html", "messages/sheet.css", title="Slack", messages=self.messages.newest_first())


def _want(caller: Caller, scope: str) -> None:
    if scope not in caller.family.scopes:
        raise SlackRefused("missing_scope")


def _metadata(given: object) -> dict[str, object] | None:
    """A message's metadata: a name of letters, digits, _ and -, and a flat object. Raises SlackRefused."""
    if given is None:
        return None
    known = isinstance(given, dict) and set(given) == {"event_type", "event_payload"}
    if not known or not isinstance(given, dict) or not isinstance(given["event_payload"], dict):
        raise SlackRefused("invalid_metadata_schema")
    if not str(given["event_type"]).replace("_", "").replace("-", "").isalnum():
        raise SlackRefused("invalid_metadata_schema")
    return given


def _page_of(found: list[dict[str, object]], arguments: Arguments) -> tuple[list[dict[str, object]], str]:
    """A page of a list, and the cursor of the next one; empty on the last. Raises SlackRefused."""
    try:
        size, start = int(str(arguments.get("limit") or 100)), int(str(arguments.get("cursor") or 0))
    except ValueError:
        raise SlackRefused("invalid_cursor") from None
    size = max(1, min(size, 1000))
    return found[start : start + size], str(start + size) if start + size < len(found) else ""


def _conversation(account: Account, channel: Channel) -> dict[str, object]:
    """A channel as Slack describes it."""
    team, person = account.identifier("T", "team"), account.identifier("U", "person")
    note = {"value": "", "creator": "", "last_set": 0}
    return {
        "id": account.identifier("C", channel.name),
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "is_shared": False,
        "is_org_shared": False,
        "is_ext_shared": False,
        "is_pending_ext_shared": False,
        "is_member": channel.joined,
        "created": 1_700_000_000,
        "creator": person,
        "unlinked": 0,
        "shared_team_ids": [team],
        "pending_shared": [],
        "topic": note,
        "purpose": note,
        "previous_names": [],
        "num_members": 5,
    }


def _channel(account: Account, wanted: str, *, to_post: bool = True) -> Channel:
    """The channel by id or by name, with or without #; by a person's id, the conversation with them. Raises SlackRefused."""
    if wanted == account.identifier("U", "person"):
        return Channel(wanted, direct=True)
    for channel in CHANNELS:
        if wanted in {account.identifier("C", channel.name), channel.name, f"#{channel.name}"}:
            if channel.archived and to_post:
                raise SlackRefused("is_archived")
            if not channel.joined:
                raise SlackRefused("not_in_channel")
            return channel
    raise SlackRefused("channel_not_found")

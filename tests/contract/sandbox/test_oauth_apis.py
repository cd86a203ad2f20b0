"""What live tokens open: Gong's calls by scope, HubSpot's introspection and revocation, Slack's methods."""

from __future__ import annotations

import json

import httpx
import pytest

from contract.sandbox.oauth_client import SCOPES, Application, Tokens
from contract.sandbox.specs import specification
from contract.sandbox.stage import HARBORLINE, QUILLSTONE, admin

INTROSPECT, REVOKE = "/hubspot/oauth/2026-03/token/introspect", "/hubspot/oauth/2026-03/token/revoke"
EVER = {"fromDateTime": "2000-01-01T00:00:00Z", "toDateTime": "2100-01-01T00:00:00Z"}


@pytest.fixture
def gong(client: httpx.AsyncClient) -> Application:
    """Callmine at Gong."""
    return Application(client, "gong")


@pytest.fixture
def hubspot(client: httpx.AsyncClient) -> Application:
    """Callmine at HubSpot."""
    return Application(client, "hubspot")


@pytest.fixture
def slack(client: httpx.AsyncClient) -> Application:
    """Callmine at Slack."""
    return Application(client, "slack")


def bearer(tokens: Tokens, name: str = "access_token") -> dict[str, str]:
    return {"authorization": f"Bearer {tokens[name]}"}


async def test_gong_serves_an_account_its_own_calls(gong: Application) -> None:
    for account, pair in (("harborline", HARBORLINE), ("quillstone", QUILLSTONE)):
        tokens = await gong.connect(account=account)
        by_token = await gong.http.get("/gong/v2/calls", params=EVER, headers=bearer(tokens))
        by_key = await gong.http.get("/gong/v2/calls", params=EVER, auth=pair)
        assert by_token.status_code == 200
        assert by_token.json()["calls"] == by_key.json()["calls"]


async def test_gong_wants_the_scope_of_each_path(gong: Application) -> None:
    tokens = await gong.control("POST", "tokens", account="harborline", scopes=["api:users:read"])
    users = await gong.http.get("/gong/v2/users", headers=bearer(tokens))
    calls = await gong.http.get("/gong/v2/calls", params=EVER, headers=bearer(tokens))
    body: dict[str, object] = {"filter": {}}
    transcripts = await gong.http.post("/gong/v2/calls/transcript", json=body, headers=bearer(tokens))
    assert [users.status_code, calls.status_code, transcripts.status_code] == [200, 403, 403]
    assert "api:calls:read:basic" in calls.json()["errors"][0]
    specification("gong").check(calls.json(), "ErrorResponse")


async def test_gong_refuses_a_token_that_is_none(gong: Application) -> None:
    tokens = await gong.connect()
    for token in ("nothing", tokens["refresh_token"]):
        answer = await gong.http.get("/gong/v2/users", headers=bearer({"access_token": token}))
        assert answer.status_code == 401
        specification("gong").check(answer.json(), "ErrorResponse")


async def test_gong_has_nowhere_to_revoke(gong: Application) -> None:
    assert (await gong.post({"token": "any"}, "/gong/oauth2/revoke")).status_code == 404


async def test_hubspot_tells_of_live_tokens(hubspot: Application) -> None:
    tokens = await hubspot.connect()
    for name, use in (("access_token", "access_token"), ("refresh_token", "refresh_token")):
        body = (await hubspot.post({"token": str(tokens[name]), "token_type_hint": name}, INTROSPECT)).json()
        specification("hubspot").check(body, "OAuthTokenInfo")
        assert (body["active"], body["token_use"]) == (True, use)
        assert body["scopes"] == list(SCOPES["hubspot"])
        assert (body["hub_id"], body["user"]) == (tokens["hub_id"], "admin@harborline.example")
        assert ("expires_in" in body) is (use == "access_token")


async def test_hubspot_tells_nothing_of_others(hubspot: Application) -> None:
    tokens = await hubspot.connect()
    stranger = {"as_client": "stranger", "with_secret": "secret-of-stranger"}
    for form in ({"token": "unknown"}, {"token": str(tokens["access_token"])} | stranger):
        assert (await hubspot.post(form, INTROSPECT)).json() == {"active": False}
    answer = await hubspot.http.post(INTROSPECT, data={"token": str(tokens["access_token"])})
    assert hubspot.refuses(answer, "invalid_client")
    specification("hubspot").check(answer.json(), "OAuthError")
    assert hubspot.refuses(await hubspot.post({}, INTROSPECT), "invalid_request")


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_hubspot_revokes_a_family_by_either_token(hubspot: Application, name: str) -> None:
    tokens, bystander = await hubspot.connect(), await hubspot.connect()
    stranger = {"as_client": "stranger", "with_secret": "secret-of-stranger"}
    foreign = await hubspot.post({"token": str(tokens[name])} | stranger, REVOKE)
    assert hubspot.refuses(foreign, "invalid_grant")
    assert await hubspot.works(tokens)
    assert (await hubspot.post({"token": str(tokens[name])}, REVOKE)).status_code == 204
    assert not await hubspot.works(tokens)
    refused = await hubspot.refresh(tokens["refresh_token"])
    specification("hubspot").check(refused.json(), "OAuthError")
    assert (refused.status_code, refused.json()["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert (await hubspot.post({"token": str(tokens[name])}, REVOKE)).status_code == 204
    assert (await hubspot.post({"token": "unknown"}, REVOKE)).status_code == 204
    assert await hubspot.works(bystander)


async def test_hubspot_tells_a_bad_code_and_address_apart(hubspot: Application) -> None:
    code = await hubspot.code()
    wrong = await hubspot.exchange(code, redirect_uri=f"{hubspot.callback}/2")
    assert wrong.json()["status"] == "MISMATCH_REDIRECT_URI_AUTH_CODE"
    assert (await hubspot.exchange("nothing")).json()["status"] == "BAD_AUTH_CODE"


async def call(slack: Application, method: str, tokens: Tokens | None, **arguments: object) -> dict[str, object]:
    """A Slack method with JSON arguments; always a 200."""
    headers = bearer(tokens) if tokens else {}
    answer = await slack.http.post(f"/slack/api/{method}", json=arguments, headers=headers)
    assert answer.status_code == 200
    body: dict[str, object] = answer.json()
    return body


async def test_slack_tells_who_calls(slack: Application) -> None:
    tokens = await slack.connect()
    body = await call(slack, "auth.test", tokens)
    team = tokens["team"]
    assert isinstance(team, dict)
    assert (body["ok"], body["team_id"], body["team"]) == (True, team["id"], team["name"])
    specification("slack").check(body["team_id"], "defs_team")
    specification("slack").check(body["user_id"], "defs_user_id")
    specification("slack").check(body["bot_id"], "defs_bot_id")
    answer = await slack.http.get("/slack/api/auth.test", headers=bearer(tokens))
    assert answer.json() == body
    form = await slack.http.post("/slack/api/auth.test", data={"token": str(tokens["access_token"])})
    assert form.json() == body


async def test_slack_says_what_is_wrong_with_a_token(slack: Application) -> None:
    expired = await slack.connect(account="quillstone")
    await slack.control("POST", "expire", account="quillstone")
    revoked, removed = await slack.connect(), await slack.connect()
    assert await call(slack, "auth.revoke", revoked) == {"ok": True, "revoked": True}
    said = [await call(slack, "auth.test", tokens) for tokens in (None, expired, revoked)]
    said += [await call(slack, "auth.test", {"access_token": text}) for text in ("x", removed["refresh_token"])]
    await slack.control("POST", "uninstall", account="harborline")
    said.append(await call(slack, "auth.test", removed))
    codes = ["not_authed", "token_expired", "token_revoked", "invalid_auth", "invalid_auth", "account_inactive"]
    assert said == [{"ok": False, "error": code} for code in codes]
    assert (await slack.refresh(revoked["refresh_token"])).json()["error"] == "token_revoked"


async def test_slack_revokes_in_earnest_only(slack: Application) -> None:
    tokens = await slack.connect()
    assert await call(slack, "auth.revoke", tokens, test=True) == {"ok": True, "revoked": False}
    assert await slack.works(tokens)
    assert (await call(slack, "auth.revoke", tokens))["revoked"] is True
    assert await call(slack, "auth.revoke", tokens) == {"ok": False, "error": "token_revoked"}


async def test_slack_without_rotation_gives_a_token_without_end(slack: Application) -> None:
    await slack.control("PATCH", "rules", access_seconds=None)
    tokens = await slack.connect()
    assert "refresh_token" not in tokens
    assert "expires_in" not in tokens
    assert await slack.works(tokens)


async def test_slack_posts_by_id_and_by_name(slack: Application) -> None:
    tokens = await slack.connect()
    first = await call(slack, "chat.postMessage", tokens, channel="#sales", text="A report is ready")
    second = await slack.http.post(
        "/slack/api/chat.postMessage",
        data={"channel": str(first["channel"]), "text": "<b>again</b>", "thread_ts": str(first["ts"])},
        headers=bearer(tokens),
    )
    assert first["ok"] and second.json()["ok"]  # noqa: PT018
    specification("slack").check(first["channel"], "defs_channel_id")
    specification("slack").check(first["message"], "objs_message")
    specification("slack").check(second.json()["ts"], "defs_ts")
    assert first["ts"] != second.json()["ts"]
    kept = (await slack.http.get("/_slack/messages", headers=admin())).json()["messages"]
    assert [(one["account"], one["channel"], one["text"]) for one in kept] == [
        ("harborline", "sales", "A report is ready"),
        ("harborline", "sales", "<b>again</b>"),
    ]
    assert kept[1]["thread_ts"] == first["ts"]


async def test_slack_posts_to_the_person_who_agreed(slack: Application) -> None:
    tokens, other = await slack.connect(), await slack.connect(account="quillstone")
    person = tokens["authed_user"]
    assert isinstance(person, dict)
    body = await call(slack, "chat.postMessage", tokens, channel=person["id"], text="Gong needs reconnecting")
    specification("slack").check(body["channel"], "defs_channel")
    specification("slack").check(body["message"], "objs_message")
    assert str(body["channel"]).startswith("D")
    [kept] = (await slack.http.get("/_slack/messages", headers=admin())).json()["messages"]
    assert (kept["account"], kept["channel"], kept["direct"]) == ("harborline", person["id"], True)
    assert f"to {person['id']}" in (await slack.http.get("/slack/messages")).text
    refused = await call(slack, "chat.postMessage", other, channel=person["id"], text="x")
    assert refused == {"ok": False, "error": "channel_not_found"}


async def test_the_page_shows_what_was_posted_as_text(slack: Application) -> None:
    assert "Nothing was posted" in (await slack.http.get("/slack/messages")).text
    await call(slack, "chat.postMessage", await slack.connect(), channel="general", text="<b>bold</b>")
    page = await slack.http.get("/slack/messages")
    assert "&lt;b&gt;bold&lt;/b&gt;" in page.text
    assert (await slack.http.get("/slack/messages/sheet.css")).status_code == 200
    await slack.http.delete("/_slack/messages", headers=admin())
    assert "Nothing was posted" in (await slack.http.get("/slack/messages")).text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "nowhere", "text": "x"}, "channel_not_found"),
        ({"text": "x"}, "channel_not_found"),
        ({"channel": "leadership", "text": "x"}, "not_in_channel"),
        ({"channel": "#old-deals", "text": "x"}, "is_archived"),
        ({"channel": "sales"}, "no_text"),
        ({"channel": "sales", "text": "x" * 40_001}, "msg_too_long"),
    ],
)
async def test_slack_refuses_a_message(slack: Application, arguments: dict[str, object], error: str) -> None:
    tokens = await slack.connect()
    assert await call(slack, "chat.postMessage", tokens, **arguments) == {"ok": False, "error": error}
    assert (await slack.http.get("/_slack/messages", headers=admin())).json()["messages"] == []


async def test_slack_posts_with_the_scope_and_arguments_only(slack: Application) -> None:
    tokens = await slack.control("POST", "tokens", account="harborline", scopes=["channels:read"])
    refused = await call(slack, "chat.postMessage", tokens, channel="sales", text="x")
    assert refused == {"ok": False, "error": "missing_scope"}
    for content, error in ((b"{", "invalid_json"), (b"[]", "json_not_object")):
        headers = bearer(tokens) | {"content-type": "application/json"}
        answer = await slack.http.post("/slack/api/chat.postMessage", content=content, headers=headers)
        assert answer.json() == {"ok": False, "error": error}


BLOCKS = [{"type": "header", "text": {"type": "plain_text", "text": "A <b> & more"}}, {"type": "divider"}]
METADATA = {"event_type": "callmine_delivery", "event_payload": {"delivery_id": "d-1"}}
READING = ("chat:write", "channels:read", "channels:history")


async def test_slack_lists_channels_page_by_page(slack: Application) -> None:
    tokens = await slack.connect()
    names: list[str] = []
    cursor = ""
    while True:
        answer = await slack.http.get(
            "/slack/api/conversations.list",
            params={"limit": "2", "exclude_archived": "true", "cursor": cursor},
            headers=bearer(tokens),
        )
        page = answer.json()
        assert page["ok"]
        for channel in page["channels"]:
            specification("slack").check(channel["id"], "defs_channel")
        specification("slack").check(page["channels"], "objs_conversation")
        names += [channel["name"] for channel in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert names == ["general", "sales", "leadership"]


async def test_slack_shows_what_was_posted_with_its_metadata_to_who_may_read(slack: Application) -> None:
    tokens = await slack.control("POST", "tokens", account="harborline", scopes=list(READING))
    sent = {"channel": "sales", "text": "x", "blocks": json.dumps(BLOCKS), "metadata": json.dumps(METADATA)}
    posted = (await slack.http.post("/slack/api/chat.postMessage", data=sent, headers=bearer(tokens))).json()
    place = str(posted["channel"])
    shown = await call(slack, "conversations.history", tokens, channel=place, include_all_metadata=True)
    assert [(one["ts"], one["metadata"], one["blocks"]) for one in shown["messages"]] == [  # type: ignore[attr-defined]
        (posted["ts"], METADATA, BLOCKS)
    ]
    bare = await call(slack, "conversations.history", tokens, channel=place)
    assert "metadata" not in bare["messages"][0]  # type: ignore[index]
    later = await call(slack, "conversations.history", tokens, channel=place, oldest=str(float(str(posted["ts"])) + 1))
    assert later["messages"] == []
    assert "A &lt;b&gt; &amp; more" in (await slack.http.get("/slack/messages")).text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"blocks": "["}, "invalid_blocks_format"),
        ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_schema"),
        ({"metadata": "{"}, "invalid_metadata_format"),
    ],
)
async def test_slack_refuses_blocks_and_metadata(slack: Application, arguments: dict[str, object], error: str) -> None:
    sent = {"channel": "sales", "text": "x", **arguments}
    assert await call(slack, "chat.postMessage", await slack.connect(), **sent) == {"ok": False, "error": error}


async def test_slack_reads_with_the_scope_only(slack: Application) -> None:
    tokens = await slack.control("POST", "tokens", account="harborline", scopes=["chat:write"])
    for method in ("conversations.list", "conversations.history"):
        assert await call(slack, method, tokens, channel="sales") == {"ok": False, "error": "missing_scope"}

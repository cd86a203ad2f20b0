"""What analysis asks of Slack, against the specification that Slack has published, and against Slack's own library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.metadata import Metadata
from unit.analysis.test_slack_messages import ADDRESS, REPORT

from analysis.domain.deliveries import DeliveryId
from analysis.slack.client import EVENT_TYPE, Slack, destination
from analysis.slack.credential import Credential
from analysis.slack.messages import report_message
from contract.sandbox.specs import specification
from core.ids import uuid7
from egress import Destination, Egress
from integration.credential_vault.oauth_way import ADMIN_TOKEN, world_of
from local.sandbox.oauth.accounts import Account
from testkit.outside import Outside

SALES = Account("harborline").identifier("C", "sales")
# Came after the specification was published (2021); as Slack's own library has it.
LATER = {"metadata"}


@dataclass(slots=True)
class Recorded(Egress):
    """The real way out, and what went through it."""

    real: Egress
    calls: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)

    async def request(
        self, destination: str | Destination, method: str, path_or_url: str, **how: object
    ) -> httpx.Response:
        sent = how.get("data") or how.get("params") or {}
        assert isinstance(sent, dict)
        answer = await self.real.request(destination, method, path_or_url, **how)  # type: ignore[arg-type]
        self.calls.append((method, path_or_url.removeprefix("/api"), sent))
        self.answers.append(answer.json())
        return answer


@pytest.fixture
async def line(outside: Outside) -> AsyncIterator[tuple[Slack, Recorded, Credential]]:
    order = {"account": "harborline", "scopes": ["chat:write", "channels:read", "channels:history"]}
    async with (
        world_of(outside) as sandbox,
        Egress([destination(f"{outside.url}/slack")], ca_file=outside.ca_file) as real,
    ):
        tokens = (await sandbox.post("/_oauth/slack/tokens", json=order, headers=ADMIN_TOKEN)).json()
        recorded = Recorded(real)
        yield Slack(recorded), recorded, Credential(tokens["access_token"])
        outside.running.sandbox.messages.clear()


async def test_a_post_holds_what_slack_has_published(line: tuple[Slack, Recorded, Credential]) -> None:
    slack, recorded, credential = line
    delivery_id = DeliveryId(uuid7())
    await slack.deliver(credential, SALES, report_message(REPORT, ADDRESS), delivery_id)
    [(method, path, sent)] = recorded.calls
    spec = specification("slack")
    operation = spec.operation(method, path)
    published = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert set(sent) - LATER <= set(published)
    blocks = json.loads(sent["blocks"])
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
    Metadata(**json.loads(sent["metadata"])).validate_json()
    assert json.loads(sent["metadata"]) == {
        "event_type": EVENT_TYPE,
        "event_payload": {"delivery_id": str(delivery_id)},
    }
    [answer] = recorded.answers
    assert isinstance(answer, dict)
    spec.check(answer["ts"], "defs_ts")
    spec.check(answer["channel"], "defs_channel")


async def test_asking_for_channels_is_as_slack_has_published_it(line: tuple[Slack, Recorded, Credential]) -> None:
    slack, recorded, credential = line
    found, truncated = await slack.channels(credential)
    [(method, path, sent)] = recorded.calls
    spec = specification("slack")
    operation = spec.operation(method, path)
    assert set(sent) <= {one["name"] for one in operation["parameters"]}
    [answer] = recorded.answers
    assert isinstance(answer, dict)
    for one in answer["channels"]:
        spec.check(one["id"], "defs_channel")
    assert ([one.name for one in found], truncated) == (["general", "sales", "leadership"], False)


async def test_a_message_is_found_by_what_it_carries(line: tuple[Slack, Recorded, Credential]) -> None:
    slack, recorded, credential = line
    mine, other = DeliveryId(uuid7()), DeliveryId(uuid7())
    since = datetime.now(UTC) - timedelta(minutes=5)
    posted = await slack.deliver(credential, SALES, report_message(REPORT, ADDRESS), mine)
    assert await slack.find(credential, SALES, mine, since) == posted
    assert await slack.find(credential, SALES, other, since) is None
    asked = [sent for _, path, sent in recorded.calls if path == "/conversations.history"]
    # As `slack_sdk.WebClient.conversations_history` names them: the specification does not have this method.
    assert set(asked[0]) == {"channel", "oldest", "inclusive", "include_all_metadata", "limit"}

"""New webhooks of each sender, signed with the secrets of the stack that they are sent to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from ingest.domain.webhooks import Sender
from integration.ingest import bodies, senders
from integration.ingest.harness import HARBOR
from integration.ingest.senders import Letter
from local.stack.keys import Keys

Write = Callable[[], Letter]


def writers(keys: Keys) -> dict[Sender, Write]:
    """By sender: makes a webhook that has not been sent before and says something new, signed now."""
    wrote = 0

    def number() -> int:
        nonlocal wrote
        wrote += 1
        return wrote

    def clerk() -> Letter:
        """Each a new name, later than the one before: told to all services, and audited."""
        count = number()
        body = bodies.organisation(f"Harborline {count}", bodies.CREATED * 1000 + count)
        return senders.clerk(body, _now(), keys.clerk_webhook_secret, f"msg_{uuid.uuid4().hex}")

    def stripe() -> Letter:
        """A workspace is named by the customer only, so that it has to be looked up."""
        return senders.stripe_event(bodies.subscription(_id("evt")), _now(), keys.webhook_secrets["stripe"])

    def hubspot() -> Letter:
        body = bodies.packed([bodies.farewell(number())])
        return senders.hubspot(body, _now(), keys.oauth["hubspot"]["client_secret"])

    def slack() -> Letter:
        body = bodies.slack_body(bodies.UNINSTALLED, _id("Ev"))
        return senders.slack(body, _now(), keys.webhook_secrets["slack"])

    return {
        Sender.CLERK: clerk,
        Sender.STRIPE: stripe,
        Sender.GONG: lambda: senders.gong(bodies.call(str(uuid.uuid4().int)), _now()),
        Sender.HUBSPOT: hubspot,
        Sender.SLACK: slack,
    }


def first_checkout(keys: Keys) -> Letter:
    """Names the customer of all later subscriptions, and its workspace."""
    body = bodies.checkout(_id("evt"), client_reference_id=HARBOR)
    return senders.stripe_event(body, _now(), keys.webhook_secrets["stripe"])


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def _now() -> datetime:
    return datetime.now(UTC)

"""Resource names and the limits Google puts on them and on messages."""

import re

from google.pubsub_v1 import types

from local.rpc import Refused

MAX_MESSAGE_BYTES = 10_000_000
"""Largest message and largest publish request (cloud.google.com/pubsub/quotas, "Resource limits")."""
MAX_MESSAGES = 1_000
"""Most messages of one publish request (same page)."""
MAX_ORDERING_KEY_BYTES = 1_024
ACK_DEADLINE_SECONDS = range(10, 601)
DEFAULT_ACK_DEADLINE_SECONDS = 10
DELIVERY_ATTEMPTS = range(5, 101)
DELETED_TOPIC = "_deleted-topic_"

_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def check_topic_name(name: str) -> None:
    _check(name, "topics")


def check_subscription_name(name: str) -> None:
    _check(name, "subscriptions")


def project_of(name: str) -> str:
    """The project id of `projects/{project}` or of any resource below it."""
    return name.split("/")[1] if name.startswith("projects/") else ""


def check_message(message: types.PubsubMessage) -> None:
    """Refuses what Google refuses: nothing in it, or too much."""
    if not message.data and not message.attributes:
        raise Refused.invalid("A message needs data or at least one attribute.")
    if len(message.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise Refused.invalid(f"An ordering key may have {MAX_ORDERING_KEY_BYTES} bytes. Use a shorter one.")


def check_subscription(config: types.Subscription) -> None:
    """Refuses settings outside Google's bounds; 0 seconds means the default."""
    deadline = config.ack_deadline_seconds
    if deadline and deadline not in ACK_DEADLINE_SECONDS:
        raise Refused.invalid("ack_deadline_seconds must be between 10 and 600.")
    policy = config.dead_letter_policy
    if policy.dead_letter_topic:
        check_topic_name(policy.dead_letter_topic)
        attempts = policy.max_delivery_attempts
        if attempts and attempts not in DELIVERY_ATTEMPTS:
            raise Refused.invalid("max_delivery_attempts must be between 5 and 100.")
    endpoint = config.push_config.push_endpoint
    if endpoint and not endpoint.startswith(("https://", "http://")):
        raise Refused.invalid("push_endpoint must be an https URL.")


def _check(name: str, collection: str) -> None:
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != collection or not _ID.fullmatch(parts[3]):
        raise Refused.invalid(
            f"Invalid resource name (resource={name[:300]}). Write projects/<project>/{collection}/<id> with an id of "
            "3 to 255 letters, digits and -._~+% that starts with a letter and not with goog."
        )

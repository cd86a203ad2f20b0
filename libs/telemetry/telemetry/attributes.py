"""The attributes that a span may have: ids, names of ours and numbers. There is no name here for content, and no way round the list."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

Value = str | int | float

ATTRIBUTES: Mapping[str, str] = {
    "workspace_id": "callmine.workspace_id",
    "correlation_id": "callmine.correlation_id",
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "recipient": "callmine.recipient",
    "destination": "callmine.destination",
    "topic": "messaging.destination.name",
    "subscription": "messaging.destination.subscription.name",
    "messages": "messaging.batch.message_count",
    "message_type": "callmine.message_type",
    "work": "callmine.work",
    "run_id": "callmine.run_id",
    "attempt": "callmine.attempt",
    "model": "gen_ai.request.model",
    "provider": "gen_ai.provider.name",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "error": "error.type",
}
"""What code calls an attribute, and OpenTelemetry's name for it where there is one (semantic conventions 1.37)."""

# No space, quote or "@": an id, a route's template or a class passes, a sentence, an address of a person or a header does not.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/{}*()|-]{0,200}")

LEFT_OUT = "(left out)"


class Kind(enum.Enum):
    """A span's part in what goes on, as OpenTelemetry names them."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


def told(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """`attributes` under their names outside; a text that is no id or name is left out, and so is an empty one.

    Raises KeyError for an attribute that is not on the list.
    """
    return {ATTRIBUTES[name]: _plain(value) for name, value in attributes.items() if value != ""}


def _plain(value: Value) -> Value:
    return LEFT_OUT if isinstance(value, str) and not _PLAIN.fullmatch(value) else value

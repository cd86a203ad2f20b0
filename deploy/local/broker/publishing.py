"""What a publish request becomes: checked, stamped with the time, serialised once."""

from google.pubsub_v1 import types

from local.broker import names, schema
from local.rpc import Refused


def time_field(now: float) -> bytes:
    """The `publish_time` field (`now`: seconds since 1970) to append to a serialised PubsubMessage."""
    stamp = schema.PubsubMessage()
    stamp.publish_time.FromNanoseconds(int(now * 1e6) * 1000)
    field: bytes = stamp.SerializeToString()
    return field


def bodies(request: types.PublishRequest, now: float) -> list[tuple[str, bytes]]:
    """Returns (ordering key, PubsubMessage in wire format without its id) for each message of a valid request.

    Raises `Refused` as Google does: no messages, too many, an empty or too large one, two different ordering keys.
    """
    messages = request.messages
    if not messages:
        raise Refused.invalid("The publish request has no messages.")
    if len(messages) > names.MAX_MESSAGES:
        raise Refused.invalid(f"A publish request may have {names.MAX_MESSAGES} messages. Split it.")
    key = messages[0].ordering_key
    stamp = time_field(now)
    total = 0
    result: list[tuple[str, bytes]] = []
    for message in messages:
        names.check_message(message)
        if message.ordering_key != key:
            raise Refused.invalid("All messages of a publish request must have the same ordering key. Split it.")
        if message.message_id or message.HasField("publish_time"):
            message.ClearField("message_id")  # set by the server alone
            message.ClearField("publish_time")
        body = message.SerializeToString()
        total += len(body)
        result.append((key, body + stamp))
    if total > names.MAX_MESSAGE_BYTES:
        raise Refused.invalid(f"A publish request may have {names.MAX_MESSAGE_BYTES} bytes. Send less at once.")
    return result

"""Protobuf framing by concatenation.

A message is serialised once, when it is published. Deliveries then wrap the same bytes: in protobuf's encoding a field
is a tag, a length and the bytes of the value, so a StreamingPullResponse of a thousand messages is a join of parts and
no message is parsed or built again. Field numbers are those of google/pubsub/v1/pubsub.proto.
"""

from collections.abc import Iterable

_MESSAGE_ID = b"\x1a"  # PubsubMessage.message_id = 3, length-delimited
_RECEIVED = b"\x0a"  # PullResponse.received_messages = StreamingPullResponse.received_messages = 1
_ACK_ID = b"\x0a"  # ReceivedMessage.ack_id = 1
_MESSAGE = b"\x12"  # ReceivedMessage.message = 2
_ATTEMPT = b"\x18"  # ReceivedMessage.delivery_attempt = 3, varint


def encode_varint(value: int) -> bytes:
    """Protobuf's base-128 encoding of a non-negative number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SHORT = [encode_varint(value) for value in range(1 << 14)]


def varint(value: int) -> bytes:
    return _SHORT[value] if value < 1 << 14 else encode_varint(value)


def message_id_field(number: int) -> bytes:
    """The `message_id` field to append to a serialised PubsubMessage."""
    text = b"%d" % number
    return _MESSAGE_ID + varint(len(text)) + text


def message_field(message: bytes) -> bytes:
    """A serialised PubsubMessage as the `message` field of a ReceivedMessage."""
    return b"".join((_MESSAGE, varint(len(message)), message))


def received(deliveries: Iterable[tuple[bytes, bytes, int]]) -> bytes:
    """The repeated `received_messages` field.

    Each delivery is (ack id, message field, attempt); attempt 0 leaves `delivery_attempt` out, as Google does for
    subscriptions without a dead-letter policy.
    """
    parts: list[bytes] = []
    for ack_id, message, attempt in deliveries:
        counted = _ATTEMPT + varint(attempt) if attempt else b""
        size = 2 + len(ack_id) + len(message) + len(counted)  # an ack id is under 128 bytes: one length byte
        parts += (_RECEIVED, varint(size), _ACK_ID, varint(len(ack_id)), ack_id, message, counted)
    return b"".join(parts)

"""The four kinds of record in the log, and how their payloads are laid out (little-endian)."""

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from local.broker.store import Record


class Kind(IntEnum):
    """The byte that says what a record is; 0 is never used, so that zeros on disk are no record."""

    SNAPSHOT = 1
    PUBLISHED = 2
    ACKNOWLEDGED = 3
    CARRIED = 4


_PUBLISHED = struct.Struct("<IIQ")
_ACKNOWLEDGED = struct.Struct("<II")
_CARRIED = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class TopicEntry:
    """A topic as it is kept: its number in the log and its serialised google.pubsub.v1.Topic."""

    uid: int
    config: bytes


@dataclass(frozen=True, slots=True)
class SubscriptionEntry:
    """A subscription as it is kept; `topic` is the topic's number, 0 when the topic is gone."""

    uid: int
    topic: int
    config: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All topics and subscriptions, and the numbers to go on with."""

    next_message: int
    next_uid: int
    topics: tuple[TopicEntry, ...] = ()
    subscriptions: tuple[SubscriptionEntry, ...] = ()

    def record(self) -> Record:
        body = {
            "next_message": self.next_message,
            "next_uid": self.next_uid,
            "topics": [[t.uid, _text(t.config)] for t in self.topics],
            "subscriptions": [[s.uid, s.topic, _text(s.config)] for s in self.subscriptions],
        }
        return Record(Kind.SNAPSHOT, json.dumps(body).encode())

    @classmethod
    def read(cls, payload: bytes) -> "Snapshot":
        body = json.loads(payload)
        return cls(
            body["next_message"],
            body["next_uid"],
            tuple(TopicEntry(uid, base64.b64decode(config)) for uid, config in body["topics"]),
            tuple(SubscriptionEntry(u, t, base64.b64decode(config)) for u, t, config in body["subscriptions"]),
        )


@dataclass(frozen=True, slots=True)
class Published:
    """Consecutive messages of one topic, numbered from `first`."""

    topic: int
    first: int
    messages: Sequence[bytes]

    def record(self) -> Record:
        count = len(self.messages)
        head = _PUBLISHED.pack(self.topic, count, self.first)
        lengths = struct.pack(f"<{count}I", *map(len, self.messages))
        return Record(Kind.PUBLISHED, b"".join((head, lengths, *self.messages)))

    @classmethod
    def read(cls, payload: bytes) -> "Published":
        topic, count, first = _PUBLISHED.unpack_from(payload)
        place = _PUBLISHED.size + 4 * count
        messages = []
        for length in struct.unpack_from(f"<{count}I", payload, _PUBLISHED.size):
            messages.append(payload[place : place + length])
            place += length
        return cls(topic, first, messages)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Messages one subscription is done with."""

    subscription: int
    numbers: Sequence[int]

    def record(self) -> Record:
        count = len(self.numbers)
        return Record(
            Kind.ACKNOWLEDGED, _ACKNOWLEDGED.pack(self.subscription, count) + struct.pack(f"<{count}Q", *self.numbers)
        )

    @classmethod
    def read(cls, payload: bytes) -> "Acknowledged":
        subscription, count = _ACKNOWLEDGED.unpack_from(payload)
        return cls(subscription, struct.unpack_from(f"<{count}Q", payload, _ACKNOWLEDGED.size))


@dataclass(frozen=True, slots=True)
class Carried:
    """A message moved out of an old segment, with the subscriptions that still want it at that moment."""

    number: int
    subscriptions: Sequence[int]
    message: bytes

    def record(self) -> Record:
        count = len(self.subscriptions)
        head = _CARRIED.pack(self.number, count) + struct.pack(f"<{count}I", *self.subscriptions)
        return Record(Kind.CARRIED, head + self.message)

    @classmethod
    def read(cls, payload: bytes) -> "Carried":
        number, count = _CARRIED.unpack_from(payload)
        start = _CARRIED.size + 4 * count
        return cls(number, struct.unpack_from(f"<{count}I", payload, _CARRIED.size), payload[start:])


def _text(config: bytes) -> str:
    return base64.b64encode(config).decode()

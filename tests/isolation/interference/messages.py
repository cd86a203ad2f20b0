"""Drawing messages: of every type to every subscription; valid, repeated, late, out of order, about others' things, malformed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from google.protobuf.message import Message

from callmine.calls.v1.calls_pb2 import FetchCompleted
from contracts.registry import TOPICS
from isolation.interference.known import Known, new_id
from isolation.interference.letters import TWISTS, Forward, Fresh
from isolation.interference.operations import Hand
from isolation.interference.payloads import fetched, payload_of

PUSHED = frozenset({"credential-vault", "retention"})


@dataclass(frozen=True, slots=True)
class Writer:
    """Draws messages from `rng`. `listeners` are the services that subscribe to a topic."""

    rng: Random
    known: Known
    listeners: Mapping[str, tuple[str, ...]]

    def forward(self) -> Hand | None:
        """What has been published, to everybody who listens one after another; sometimes once more, late or twisted."""
        rng, known = self.rng, self.known
        if known.waiting and rng.random() < 0.85:
            place = known.waiting.pop(0 if rng.random() < 0.9 else rng.randrange(len(known.waiting)))
        elif known.topics:
            place = rng.randrange(len(known.topics))
        else:
            return None
        listeners = self.listeners.get(known.topics[place], ())
        if not listeners:
            return None
        twist = rng.choice(["none"] * 12 + ["twice", rng.choice(TWISTS)])
        if twist in TWISTS:
            known.waiting.insert(0, place)
        return self._hand(rng.choice(listeners), known.topics[place], Forward(place, twist))

    def everybody(self, place: int) -> list[Hand]:
        """A published event handed to each of its listeners."""
        topic = self.known.topics[place]
        return [self._hand(service, topic, Forward(place)) for service in self.listeners.get(topic, ())]

    def fresh(self) -> Hand:
        """A message that nobody has published."""
        rng = self.rng
        topic = rng.choice([name for name in TOPICS if self.listeners.get(name)])
        return self.message(rng.choice(self.listeners[topic]), topic, rng.choice(TOPICS[topic].messages))

    def message(self, listener: str, topic: str, kind: type[Message], *, straight: bool = False) -> Hand:
        """A message of a kind for one listener; a `straight` one is what it says, so that its handler is reached."""
        rng = self.rng
        payload, aggregate = payload_of(kind, rng, self.known)
        sequence = self.known.next_sequence(rng, aggregate)
        twist = "none" if straight else rng.choice(["none"] * 10 + ["twice", rng.choice(TWISTS)])
        folder = rng.choice(["own"] * 8 + ["nowhere", "other"])
        producer = TOPICS[topic].publishers[0]
        letter = Fresh(payload, producer, aggregate, sequence, uuid.UUID(new_id(rng)), twist, folder)
        return self._hand(listener, topic, letter)

    def calls(self, run_id: str) -> list[Hand]:
        """The calls of a run and the end of its fetch, as ingest would tell them."""
        count = self.rng.randrange(1, 4)
        names = [f"call{number}" for number in range(1, count + 1)]
        letters = [self._told(fetched(run_id, name), run_id) for name in names]
        completed = FetchCompleted(run_id=run_id, calls_fetched=count, calls_matching=count, calls_private=1)
        letters.append(self._told(completed, run_id))
        if self.rng.random() < 0.2:
            letters.reverse()
        return [Hand("analysis.calls", letters)]

    def _told(self, payload: Message, run_id: str) -> Fresh:
        return Fresh(payload, "ingest", run_id, self.known.next_sequence(self.rng, run_id), uuid.UUID(new_id(self.rng)))

    def _hand(self, service: str, topic: str, letter: Forward | Fresh) -> Hand:
        pushed = service in PUSHED and self.rng.random() < 0.5
        return Hand(f"{service}.{topic}", [letter], pushed)

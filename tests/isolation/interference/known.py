"""What the subject knows of its own workspace, learned from answers and messages; and ids that exist elsewhere, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.fetches.v1.fetches_pb2 import FetchRequested, PreviewRequested
from callmine.reports.v1.reports_pb2 import ReportCompleted
from callmine.workspaces.v1.workspaces_pb2 import ApiKeyCreated
from contracts import unpack
from isolation.interference.asgi import Answer
from isolation.interference.world import Published

_LOCATION = re.compile(r"/(runs|previews|schedules)/([0-9a-f-]{36})(?:/review|\?done=[a-z]+)?$")
_CURSOR = re.compile(rb'"next_cursor":"([^"]+)"')

MALFORMED = ("not-an-id", "0", "..%2f..%2fetc", "%00", "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "x" * 300, "{}", "'; --")


@dataclass(frozen=True, slots=True)
class Foreign:
    """Ids that exist in a rival's workspace only."""

    runs: Sequence[str]
    reports: Sequence[str]


@dataclass(slots=True)
class Known:
    """Ids by kind; `waiting` are the places of published events that nobody has been handed yet."""

    foreign: Foreign
    runs: list[str] = field(default_factory=list)
    previews: list[str] = field(default_factory=list)
    schedules: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    fetching: list[str] = field(default_factory=list)
    grants: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)

    def learn(self, answer: Answer | None, published: Sequence[Published]) -> None:
        """Take in what an operation showed and what was published because of it."""
        if answer is not None:
            self._learn_answer(answer)
        for one in published:
            self.waiting.append(len(self.topics))
            self.topics.append(one.topic)
            self._learn_event(one)

    def _learn_answer(self, answer: Answer) -> None:
        if found := _LOCATION.search(answer.header("location")):
            kind, value = found.groups()
            {"runs": self.runs, "previews": self.previews, "schedules": self.schedules}[kind].append(value)
        if cursor := _CURSOR.search(answer.body):
            self.cursors.append(cursor[1].decode())

    def _learn_event(self, published: Published) -> None:
        payload = unpack(published.body, published.attributes).payload
        if isinstance(payload, FetchRequested):
            self.fetching.append(payload.run_id)
        elif isinstance(payload, PreviewRequested):
            self.fetching.append(payload.preview_id)
        elif isinstance(payload, ReportCompleted):
            self.reports.append(payload.report_id)
        elif isinstance(payload, CredentialRequested):
            self.grants.append(payload.grant_id)
        elif isinstance(payload, ApiKeyCreated):
            self.keys.append(payload.key_id)

    def some(self, rng: Random, mine: Sequence[str], theirs: Sequence[str]) -> str:
        """An id of the workspace's own most of the time, otherwise a rival's, nobody's, or none at all."""
        chance = rng.random()
        if chance < 0.7 and mine:
            # What happened lately is still under way, and more interesting.
            return rng.choice(mine[-4:] if rng.random() < 0.7 else mine)
        if chance < 0.85 and theirs:
            return rng.choice(theirs)
        return new_id(rng) if chance < 0.93 else rng.choice(MALFORMED)

    def next_sequence(self, rng: Random, aggregate: str) -> int:
        """Mostly the next one of the aggregate; sometimes an old one, or one far ahead."""
        last = self.sequences.get(aggregate, 0)
        if rng.random() < 0.2:
            return rng.choice([0, 1, max(0, last - 1), last + 50])
        self.sequences[aggregate] = last + 1
        return last + 1


def new_id(rng: Random) -> str:
    """An id that exists nowhere."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

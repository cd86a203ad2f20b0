"""A workspace's log in memory, made with the service's own hashing, signing and export: for histories by the thousand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from random import Random

from msgspec.structs import replace

from audit.domain import Change, Entry, EntryType
from audit.log import export
from audit.log.leaf import NOBODY, Erasure, Part, Recorded, commitment, entry_leaf, erasure_leaf, runs, subject
from audit.log.note import Checkpoint, Keyring, Signer
from audit.log.sealing import origin_of
from audit.log.steps import Step, step_leaf
from audit.log.store import Redaction
from audit.log.tree import Range

KEYRING = Keyring([Signer("callmine.ai/audit", bytes(range(32)))])
WORKSPACE = "org_book"
ORIGIN = "callmine.ai/audit"

_TEXTS = (
    "",
    "plain",
    'quo"te\\',
    "line\nfeed\ttab\x7f\x01",
    "Grüße, 会議 🎧",
    "<b>&amp;</b>",
    "\u2028\u2029",
    "x" * 300,
)
_KINDS = ("member", "invitation", "workspace", "schedule", "report")


class Book:
    """One history, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        """An empty log."""
        self._rng = Random(seed)
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self._range = Range()
        self._keys: dict[str, bytes] = {}
        self._members: list[Recorded | Erasure | Step] = []
        self._leaves: list[bytes] = []
        self._redacted: dict[tuple[uuid.UUID, Part], Redaction] = {}
        self._gone: set[uuid.UUID] = set()

    def _id(self) -> uuid.UUID:
        milliseconds = int(self.now.timestamp() * 1000)
        return uuid.UUID(int=milliseconds << 80 | 7 << 76 | self._rng.getrandbits(74) | 0b10 << 62)

    def entry(self) -> Entry:
        """An entry that nobody has written yet."""
        rng = self._rng
        self.now += timedelta(microseconds=rng.randrange(10_000_000))
        fields = rng.sample(_TEXTS, rng.randrange(4))
        sides = (None, *_TEXTS)
        return Entry(
            self._id(),
            rng.choice(list(EntryType)),
            rng.choice(("user", "system", "staff", "mcp")),
            f"user_{rng.randrange(4)}",
            rng.choice(_TEXTS),
            "web",
            rng.choice(_KINDS),
            f"user_{rng.randrange(4)}",
            tuple(Change(field, rng.choice(sides), rng.choice(sides)) for field in fields),
            self.now - timedelta(seconds=rng.randrange(100)),
        )

    def write(self, count: int) -> None:
        """Record and seal entries."""
        for _ in range(count):
            recorded = Recorded(self.entry(), self.now)
            self._members.append(recorded)
            actor, target = (self._committed(recorded.entry, part) for part in (Part.ACTOR, Part.TARGET))
            self._seal(entry_leaf(WORKSPACE, recorded, actor, target))

    def look(self, statements: int) -> None:
        """Somebody of our staff looks in; each step of it is sealed."""
        grant, rng = self._id(), self._rng
        kinds = ["grant.asked", "grant.approved", *["statement.asked", "statement.shown"] * statements, "grant.ended"]
        for number, kind in enumerate(kinds):
            self.now += timedelta(microseconds=rng.randrange(10_000_000))
            what: dict[str, str | int] = {"reads": rng.choice(_TEXTS), "about": rng.choice(_TEXTS), "rows": number}
            step = Step(
                id=self._id(),
                kind=kind,
                grant_id=grant,
                at=self.now,
                person=f"user_{rng.randrange(4)}",
                by_staff=kind != "grant.ended",
                what=what,
            )
            self._members.append(step)
            self._seal(step_leaf(WORKSPACE, self._key(NOBODY), step))

    def erase_person(self, person: str, request: str) -> None:
        """Erase what tells of a person."""
        places = []
        for index, member in enumerate(self._members):
            if not isinstance(member, Recorded) or member.entry.id in self._gone:
                continue
            entry, parts = member.entry, [part for part in Part if subject(member.entry, part) == person]
            if parts:
                places.append(index)
            for part in parts:
                self._redacted[entry.id, part] = Redaction(self._committed(entry, part), request)
            blank = entry._replace(actor_id="", actor_email="") if Part.ACTOR in parts else entry
            blank = blank._replace(target_id="", diff=()) if Part.TARGET in parts else blank
            self._members[index] = replace(member, entry=blank)
        self._keys.pop(person, None)
        self._record(Erasure(self._id(), request, "person", runs(places), self.now))

    def erase_all(self, request: str) -> None:
        """Erase everything."""
        self._gone |= {one.entry.id for one in self._members if isinstance(one, Recorded)}
        self._keys.clear()
        everything = ((0, self._range.size - 1),) if self._range.size else ()
        self._record(Erasure(self._id(), request, "workspace", everything, self.now))

    def checkpoint(self) -> str:
        """The signed checkpoint."""
        range_ = self._range
        return KEYRING.sign(Checkpoint(origin_of(ORIGIN, WORKSPACE), range_.size, range_.root).body)

    def lines(self) -> list[str]:
        """The export."""
        members = self._members
        entries = {one.entry.id: one for one in members if isinstance(one, Recorded) and one.entry.id not in self._gone}
        chunk = export.Chunk(
            members=[
                (place, one.entry.id if isinstance(one, Recorded) else one.id) for place, one in enumerate(members)
            ],
            leaves=dict(enumerate(self._leaves)),
            entries=entries,
            redacted=self._redacted,
            erasures=[one for one in members if isinstance(one, Erasure)],
            keys=self._keys,
            steps={one.id: one for one in members if isinstance(one, Step)},
        )
        whole = [
            export.first_line(WORKSPACE, self.checkpoint(), None, export.WITH_STEPS),
            *chunk.lines(),
            export.last_line(len(members), []),
        ]
        return [line.decode() for line in whole]

    def _committed(self, entry: Entry, part: Part) -> bytes:
        return commitment(self._key(subject(entry, part)), entry, part)

    def _key(self, subject: str) -> bytes:
        return self._keys.setdefault(subject, self._rng.randbytes(32))

    def _record(self, erasure: Erasure) -> None:
        self._members.append(erasure)
        self._seal(erasure_leaf(WORKSPACE, erasure))

    def _seal(self, leaf: bytes) -> None:
        self._leaves.append(leaf)
        self._range = self._range.extended([leaf])[0]

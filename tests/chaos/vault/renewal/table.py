"""One credential and its journal in memory, changed as PostgreSQL does it: the same operations, the same answers (see `conformance`).

The rules that mutants break are methods of their own.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from msgspec import structs

from core.errors import Permanent
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot, State
from credential_vault.domain.oauth import Outcome
from credential_vault.domain.renewals import Attempt, Claimed, Ending, Reply, Timing

WORKSPACE = WorkspaceId("org_simulated")
CREDENTIAL = uuid.UUID(int=1)
DATA_KEY = b"data key"


class PlainCipher:
    """Implements `renewing.Cipher`: nothing is hidden, but what is opened in another place than it was made for fails."""

    def encrypt(self, data_key: bytes, slot: Slot, text: str) -> bytes:
        """The text with its place."""
        return slot.associated_data + b"\x00" + text.encode()

    def decrypt(self, data_key: bytes, slot: Slot, ciphertext: bytes) -> str:
        """The text, in the same place only."""
        place, _, text = ciphertext.partition(b"\x00")
        if place != slot.associated_data:
            raise Permanent("this was made for another place")
        return text.decode()


def text_of(ciphertext: bytes) -> str:
    """What a PlainCipher's ciphertext holds."""
    return ciphertext.partition(b"\x00")[2].decode()


@dataclass(slots=True)
class Row:
    """The credential."""

    version: int = 1
    state: State = State.CONNECTED
    refresh_token: bytes = b""
    access_token: bytes = b""
    expires_at: float | None = None
    refresh_at: float | None = 0.0
    fence: int = 0
    leased_until: float | None = None
    reason: str = ""


@dataclass(slots=True)
class Entry:
    """One attempt in the journal."""

    version: int
    fence: int
    started_at: float
    outcome: Outcome = Outcome.STARTED
    ended_at: float | None = None
    watched_from: float | None = None
    watched_at: float | None = None
    asked_at: float | None = None


@dataclass(slots=True)
class Content:
    """What is durable, or will be when the transaction commits. `used` are the journal's uses of the token, `told` what others heard."""

    row: Row = field(default_factory=Row)
    journal: dict[uuid.UUID, Entry] = field(default_factory=dict)
    let_go: tuple[bytes, ...] = ()
    used: int = 0
    told: tuple[str, ...] = ()

    def copy(self) -> Content:
        """The same, to be changed."""
        return Content(
            replace(self.row),
            {key: replace(entry) for key, entry in self.journal.items()},
            self.let_go,
            self.used,
            self.told,
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What the three operations do to the content, at the time `now`."""

    timing: Timing = Timing()  # noqa: RUF009 - frozen

    def is_leased(self, row: Row, now: float) -> bool:
        """Whether somebody else is at it."""
        return row.leased_until is not None and row.leased_until > now

    def opened(self, content: Content) -> uuid.UUID | None:
        """The attempt on the present version that has no end yet."""
        for key, entry in content.journal.items():
            if entry.version == content.row.version and entry.ended_at is None:
                return key
        return None

    def is_same(self, content: Content, claimed: Claimed) -> bool:
        """Compare-and-set."""
        return content.row.version == claimed.version

    def is_latest(self, content: Content, attempt: Attempt) -> bool:
        """Whether the credential has no later attempt or version than this one's."""
        entry = content.journal[attempt.id]
        return (content.row.version, content.row.fence) == (entry.version, entry.fence)

    def is_open(self, content: Content, attempt: Attempt) -> bool:
        """Whether the attempt has no end yet."""
        return attempt.id in content.journal and content.journal[attempt.id].ended_at is None

    def is_ripe(self, entry: Entry, now: float) -> bool:
        """Whether an attempt has been watched for long enough."""
        assert entry.watched_from is not None
        return now - entry.watched_from >= self.timing.settle_after

    def is_claimable(self, row: Row, now: float) -> bool:
        """Whether its renewal is due and nobody's."""
        due = row.refresh_at is not None and row.refresh_at <= now
        return row.state is State.CONNECTED and due and not self.is_leased(row, now)

    def claim(self, content: Content, attempt: Attempt, tells: bool, now: float) -> Claimed | None:
        """As the port says."""
        row = content.row
        if not self.is_claimable(row, now):
            return None
        opened = self.opened(content)
        if opened is None:
            return self._taken(content, attempt, now)
        entry = content.journal[opened]
        may_ask = entry.asked_at is None or entry.asked_at <= now - self.timing.ask_again
        ripe = self._watched(entry, now)
        if not ripe:
            row.refresh_at = now + self.timing.watch_every
        if tells and (ripe or may_ask):
            entry.asked_at = now
            return replace(self._handed(content, structs.replace(attempt, id=opened)), asks=True, ripe=ripe)
        if not ripe:
            return None
        entry.ended_at = now
        return replace(self._taken(content, attempt, now), ripe=True)

    def _watched(self, entry: Entry, now: float) -> bool:
        if entry.watched_at is None or entry.watched_at <= now - self.timing.watch_gap:
            entry.watched_from = now
        entry.watched_at, entry.outcome = now, Outcome.UNKNOWN
        return self.is_ripe(entry, now)

    def _taken(self, content: Content, attempt: Attempt, now: float) -> Claimed:
        claimed = self._handed(content, attempt)
        row = content.row
        row.fence, row.leased_until = row.fence + 1, now + self.timing.lease
        content.journal[attempt.id] = Entry(row.version, row.fence, now)
        return claimed

    def _handed(self, content: Content, attempt: Attempt) -> Claimed:
        row = content.row
        content.used += 1
        tries = sum(entry.version == row.version for entry in content.journal.values())
        return Claimed(attempt, CREDENTIAL, row.version, "", tries, DATA_KEY, row.refresh_token)

    def save(self, content: Content, claimed: Claimed, reply: Reply, told: bool, now: float) -> Outcome:
        """As the port says."""
        entry = content.journal.get(claimed.attempt.id)
        if entry is not None and entry.outcome in (Outcome.ROTATED, Outcome.SUPERSEDED):
            return entry.outcome
        if self.is_same(content, claimed):
            outcome = Outcome.ROTATED
            self._rotate(content, reply, told, now)
        else:
            outcome = Outcome.SUPERSEDED
            content.let_go += (reply.refresh_token,) if told else ()
        if entry is not None:
            entry.outcome, entry.ended_at = outcome, entry.ended_at if entry.ended_at is not None else now
        return outcome

    def _rotate(self, content: Content, reply: Reply, told: bool, now: float) -> None:
        row = content.row
        if told:
            content.told += ("saved",) if row.state is State.CONNECTED else ("saved", "recovered")
        row.version, row.state, row.reason, row.leased_until = row.version + 1, State.CONNECTED, "", None
        row.access_token, row.refresh_token = reply.access_token, reply.refresh_token
        row.expires_at = None if reply.expires_in is None else now + reply.expires_in
        row.refresh_at = None if reply.renew_in is None else now + reply.renew_in

    def end(self, content: Content, attempt: Attempt, ending: Ending, told: bool, now: float) -> bool:
        """As the port says."""
        if not self.is_open(content, attempt):
            return False
        entry, row = content.journal[attempt.id], content.row
        entry.outcome, entry.watched_from, entry.watched_at = ending.outcome, None, None
        entry.ended_at = None if ending.outcome is Outcome.UNKNOWN else now
        if row.state is not State.CONNECTED or not self.is_latest(content, attempt):
            return True
        if ending.outcome is Outcome.NOT_SPENT:
            row.leased_until, row.refresh_at = None, now + ending.again_in
        if ending.outcome is Outcome.REFUSED:
            row.state, row.reason, row.leased_until, row.refresh_at = State.NEEDS_RECONNECT, ending.reason, None, None
            content.told += ("needs reconnect",) if told else ()
        return True

    def connect(self, content: Content, refresh_token: str, access_token: str, lives: float, now: float) -> None:
        """A person connects again: what `handlers.connecting` does to the row, its tokens until now let go."""
        row = content.row
        if row.refresh_token:
            content.let_go += (row.refresh_token,)
        version = row.version + 1

        def sealed(name: str, text: str) -> bytes:
            return PlainCipher().encrypt(DATA_KEY, Slot(WORKSPACE, Provider.GONG, CREDENTIAL, version, name), text)

        content.row = Row(
            version=version,
            refresh_token=sealed("refresh_token", refresh_token),
            access_token=sealed("access_token", access_token),
            expires_at=now + lives,
            refresh_at=now + lives * 0.8,
            fence=row.fence,
        )

    def disconnect(self, content: Content) -> None:
        """A person disconnects."""
        row = content.row
        if row.state not in (State.CONNECTED, State.NEEDS_RECONNECT):
            return
        content.let_go += (row.refresh_token,)
        content.row = Row(row.version + 1, State.DISCONNECTED, refresh_at=None, fence=row.fence)

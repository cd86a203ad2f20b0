"""How the log is read: in which order, from which place on, and which entries of it.

The order is (occurred_at, id), newest first, and a page is what lies after a place in it. An entry that arrives while somebody reads is
put where it belongs by the time it happened: above what was read already, mostly. So that it is not lost to whoever has read past its
place, each first page has a `Mark`: what has been recorded since is counted by the time of recording, wherever it stands.
"""

from __future__ import annotations

import base64
import binascii
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from urllib.parse import quote, urlencode

from msgspec import Struct

from audit.domain.entry import Entry, EntryType
from audit.domain.words import words_of
from core.errors import InvalidInput

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
# Later than any entry: the first page is what lies after this.
_LATEST = datetime.max.replace(tzinfo=UTC)
_HIGHEST = uuid.UUID(int=(1 << 128) - 1)
_LOWEST = uuid.UUID(int=0)

# An entry's time of recording is that of its transaction's beginning, and it is seen from its commit on. A batch takes well under a
# second; the statement time-out is 30 s.
LONGEST_RECORDING = timedelta(seconds=30)

# Each word of a search costs a look-up for each entry that has the first one.
MOST_WORDS = 8


class EntrySource(enum.StrEnum):
    """From where something was done."""

    WEB = "web"
    API = "api"
    MCP = "mcp"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    SYSTEM = "system"

    @classmethod
    def parse(cls, text: str) -> EntrySource:
        """The source called `text`. Raises InvalidInput."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput("There is no such source of audit entries: choose one from the list.") from None


class Position(Struct, frozen=True):
    """A place in the log, newest first. A page is what lies after one, so that arriving entries neither shift nor repeat it."""

    occurred_at: datetime = _LATEST
    id: uuid.UUID = _HIGHEST

    @classmethod
    def parse(cls, cursor: str) -> Position:
        """Read what `cursor` gave; the newest place for an empty text. Raises InvalidInput."""
        if not cursor:
            return cls()
        try:
            moment, _, entry = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
            return cls(datetime.fromisoformat(moment).astimezone(UTC), uuid.UUID(entry))
        except (ValueError, binascii.Error, OverflowError):
            raise InvalidInput("The page cursor is not one of ours: start again from the first page.") from None

    @classmethod
    def before(cls, moment: datetime) -> Position:
        """The place that all entries earlier than `moment` lie after, and no other."""
        return cls(moment, _LOWEST)

    def cursor(self) -> str:
        """The position as text for a URL."""
        return base64.urlsafe_b64encode(f"{self.occurred_at.isoformat()}|{self.id}".encode()).decode()

    def or_earlier(self, other: Position) -> Position:
        """The one of the two that fewer entries lie after."""
        return min(self, other, key=lambda place: (place.occurred_at, place.id))


TOP = Position()


class Page(Struct, frozen=True):
    """Entries, newest first, and where the next page begins; None on the last one."""

    entries: tuple[Entry, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are asked for; all of it at once. What is empty or None does not count.

    `actor` is a user's id or e-mail address, `target` the id of what was changed or its name, `text` words that must all stand in the diff.
    Days are inclusive and begin and end in the workspace's zone.
    """

    type: EntryType | None = None
    source: EntrySource | None = None
    actor: str = ""
    target: str = ""
    text: str = ""
    first_day: date | None = None
    last_day: date | None = None
    words: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        """Raises InvalidInput for days in the wrong order, and for a text that has no word in it or too many."""
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise InvalidInput("The first day is after the last one: exchange them.")
        words = words_of(self.text)
        if self.text.strip() and not words:
            raise InvalidInput("There is no word in the text to search for: write letters or digits.")
        if len(words) > MOST_WORDS:
            raise InvalidInput(f"The text to search for has more than {MOST_WORDS} words: leave some out.")
        object.__setattr__(self, "words", tuple(sorted(words, key=lambda word: (-len(word), word))))

    def __bool__(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    def since(self, zone: tzinfo) -> datetime:
        """The earliest moment that counts."""
        return _midnight(self.first_day, zone) if self.first_day else EARLIEST

    def top(self, zone: tzinfo) -> Position:
        """The place that all entries asked for lie after."""
        if self.last_day is None or self.last_day == date.max:
            return Position()
        return Position.before(_midnight(self.last_day + timedelta(days=1), zone))

    def without(self, name: str) -> Filters:
        """The same with one filter taken away."""
        left: Mapping[str, object] = {name: getattr(_NONE, name)}
        return replace(self, **left)  # type: ignore[arg-type]

    @property
    def parameters(self) -> dict[str, str]:
        """What a URL holds of it."""
        given = {
            "type": self.type.value if self.type else "",
            "source": self.source.value if self.source else "",
            "actor": self.actor,
            "target": self.target,
            "text": self.text,
            "from": self.first_day.isoformat() if self.first_day else "",
            "to": self.last_day.isoformat() if self.last_day else "",
        }
        return {name: value for name, value in given.items() if value}

    def query(self, **more: str) -> str:
        """For a URL: the filters and `more`, with a question mark in front; empty where there is nothing."""
        # Times stay readable.
        found = urlencode(self.parameters | more, safe=":", quote_via=quote)
        return f"?{found}" if found else ""


_NONE = Filters()


class Mark(Struct, frozen=True):
    """A moment of reading, after which entries are new.

    Some that were recorded shortly before it may not have been visible yet, so all of the last moments are counted now and then: `seen` is
    how many of them there were when it was made.
    """

    read_at: datetime
    seen: int

    @property
    def since(self) -> datetime:
        """From when on recorded entries are counted."""
        return self.read_at - min(LONGEST_RECORDING, self.read_at - EARLIEST)

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Read what `str` gave. Raises InvalidInput."""
        moment, _, seen = text.partition("~")
        try:
            if not moment.endswith("Z") or not seen.isascii() or not seen.isdecimal() or len(seen) > 9:
                raise ValueError
            return cls(datetime.fromisoformat(moment), int(seen))
        except ValueError:
            raise InvalidInput("The mark is not one of ours: start again from the first page.") from None

    def __str__(self) -> str:
        """As text for a URL."""
        return f"{self.read_at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z~{self.seen}"


def _midnight(day: date, zone: tzinfo) -> datetime:
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:
        return EARLIEST if day.year == 1 else _LATEST

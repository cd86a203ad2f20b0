"""What was posted to Slack's channels, kept for tests and for the page that shows it."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field

from local.sandbox.slack.blocks import lines_of

KEPT = 1_000
"""Messages kept; older ones are dropped."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that every team has; the bot is not in all of them. A direct one is the conversation with the person of that id."""

    name: str
    joined: bool = True
    archived: bool = False
    direct: bool = False


CHANNELS = (
    Channel("general"),
    Channel("sales"),
    Channel("leadership", joined=False),
    Channel("old-deals", archived=True),
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``ts`` is Slack's id of it within the channel: seconds, a point, six digits. ``mentions``: whom it calls."""

    account: str
    channel: str
    ts: str
    text: str
    thread_ts: str | None = None
    blocks: list[object] | None = None
    direct: bool = False
    metadata: dict[str, object] | None = None
    mentions: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What its blocks say, for a reader."""
        return lines_of(self.blocks)


class Messages:
    """The last messages of all teams, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Message] = deque(maxlen=KEPT)

    def add(self, message: Message) -> None:
        """Adds one message."""
        self._kept.append(message)

    def of_channel(self, account: str, channel: str) -> list[Message]:
        """The messages of one channel, newest first."""
        return [one for one in reversed(self._kept) if (one.account, one.channel) == (account, channel)]

    def clear(self) -> None:
        """Forgets all messages."""
        self._kept.clear()

    def newest_first(self) -> list[Message]:
        """All messages for a reader."""
        return list(reversed(self._kept))

    def report(self) -> list[dict[str, object]]:
        """All messages as plain data."""
        return [asdict(message) for message in self._kept]

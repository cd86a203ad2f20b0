"""How many webhooks came to which end, since the process started: by sender and outcome or reason, never by anything that was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from core.log import logger
from ingest.domain.webhooks import Outcome, Reason, Sender

log = logger("ingest.webhooks")

Counted = dict[str, str | bool | int]


class Tally:
    """Counts, and writes a line for each that was refused or concerned nobody: what alerts are made of (docs/webhooks.md)."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Sender, Outcome | Reason]] = Counter()

    def taken(self, sender: Sender, outcome: Outcome) -> None:
        """One was truly its sender's."""
        self._counts[sender, outcome] += 1
        if outcome is Outcome.NO_WORKSPACE:
            log.warning("webhook of no workspace", sender=sender.value)

    def refused(self, sender: Sender, reason: Reason) -> None:
        """One was refused."""
        self._counts[sender, reason] += 1
        log.warning("webhook refused", sender=sender.value, reason=reason.value)

    def snapshot(self) -> Mapping[tuple[Sender, Outcome | Reason], int]:
        """The counts so far."""
        return dict(self._counts)

    def counted(self) -> list[Counted]:
        """The same for programs: a row for each sender and outcome, or reason where it was refused."""
        rows = sorted(self._counts.items())
        return [
            {"sender": sender, "outcome": end, "refused": isinstance(end, Reason), "webhooks": count}
            for (sender, end), count in rows
        ]

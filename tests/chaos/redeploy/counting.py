"""What became of every message and every run, read from the databases when all has come to rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from e2e.runs import database
from e2e.taps import Recorded, Taps
from local.stack import Stack

_HEARD = "SELECT consumer, event_id::text AS id FROM inbox UNION ALL SELECT source, event_id::text FROM parked"
# An audit entry is its own inbox (docs/decisions/0016).
_RECORDED = " UNION ALL SELECT 'audit.audit', id::text FROM entries"
_ENTRIES = "SELECT target_id, count(*) AS times FROM entries WHERE target_id LIKE 'flood-%' GROUP BY 1"
_CALLS = (
    "SELECT r.id::text AS run, r.calls_analysed AS told, (SELECT count(*) FROM run_calls c WHERE c.run_id = r.id AND c.state = 'analysed') "
    "AS analysed, (SELECT count(*) FROM usage u WHERE u.run_id = r.id) AS metered FROM runs r"
)


@dataclass(slots=True)
class Messages:
    """Topic and type of every message that was published while this listened, by its id."""

    taps: Taps
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def follow(self) -> None:
        """Note what comes, until cancelled."""
        await self.taps.follow(self._note)

    async def rest(self) -> None:
        """Note what is still there when nothing more comes."""
        for message in await self.taps.messages():
            self._note(message)

    def _note(self, message: Recorded) -> None:
        # Bodies are not needed, and there are many.
        self.seen[message.attributes["ce-id"]] = (message.topic, message.attributes["ce-type"])


@dataclass(slots=True)
class Count:
    """`lost` and `twice` say in words what was."""

    messages: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


async def count(stack: Stack, seen: Mapping[str, tuple[str, str]], sent: Sequence[str]) -> Count:
    """Compare what was published with what the services hold."""
    found = Count(messages=len(seen))
    await _messages(stack, seen, found)
    await _entries(stack, sent, found)
    await _calls(stack, found)
    return found


async def _messages(stack: Stack, seen: Mapping[str, tuple[str, str]], found: Count) -> None:
    """A service takes a type of message up or lets it pass: what it took one of, it has to have taken all of."""
    by_topic: dict[str, dict[str, str]] = defaultdict(dict)
    for event_id, (topic, kind) in seen.items():
        by_topic[topic][event_id] = kind
    for subscription in stack.site.topology.subscriptions:
        published = by_topic.get(subscription.topic, {})
        heard_by = _HEARD + (_RECORDED if subscription.service == "audit" else "")
        rows = await database(stack, subscription.service, heard_by)
        heard = {row["id"] for row in rows if row["consumer"] in {subscription.name, subscription.service}}
        taken_up = {kind for event_id, kind in published.items() if event_id in heard}
        found.lost += [
            f"{kind} {event_id} never came to {subscription.name}"
            for event_id, kind in published.items()
            if kind in taken_up and event_id not in heard
        ]


async def _entries(stack: Stack, sent: Sequence[str], found: Count) -> None:
    times = Counter({row["target_id"]: row["times"] for row in await database(stack, "audit", _ENTRIES)})
    found.lost += [f"audit entry {target}" for target in sent if not times[target]]
    found.twice += [f"audit entry {target}, {number} times" for target, number in times.items() if number > 1]


async def _calls(stack: Stack, found: Count) -> None:
    """A call that is analysed is metered once, and counted once."""
    for row in await database(stack, "analysis", _CALLS):
        told = {row["told"], row["analysed"], row["metered"]}
        if len(told) > 1:
            words = f"run {row['run']}: {row['analysed']} calls analysed, {row['told']} told, {row['metered']} metered"
            (found.lost if row["metered"] < row["analysed"] else found.twice).append(words)

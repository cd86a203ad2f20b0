"""What the trust page promises, and what the evidence makes of each sentence. Pure: nothing here, or anywhere, sets a sentence green."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

# Clocks of two machines differ by seconds; evidence from later than that was not made by an honest clock.
CLOCKS_DIFFER = timedelta(minutes=5)

Figure = int | float | str


class Named(Struct, frozen=True):
    """A check or a mutant: its id, and in words what it looks at, or what it breaks."""

    id: str
    what: str


class Promise(Struct, frozen=True, kw_only=True):
    """One sentence: what proves it (`checks`), what shows that the proof can fail (`mutants`), who answers for it, and how long a proof is
    good for. `limits` is what the proof does not show. Without checks the sentence is not proven, whatever is true."""

    id: str
    title: str
    sentence: str
    owner: str
    time_to_live: timedelta
    limits: str
    checks: tuple[Named, ...]
    mutants: tuple[Named, ...]


class Evidence(Struct, frozen=True, kw_only=True):
    """What one proof of one promise found, as its signed statement says. `checks` and `mutants` are by id: whether the check passed, and
    whether the sentence turned red while the mutant was on. `figures` are by check; `uncommitted` says that the tree had changes beside the
    commit."""

    promise: str
    sentence: str
    proved_at: datetime
    commit: str
    uncommitted: bool
    checks: Mapping[str, bool]
    mutants: Mapping[str, bool]
    figures: Mapping[str, Mapping[str, Figure]]


class Standing(enum.StrEnum):
    """What can be said of a sentence today."""

    PROVEN = "proven"
    BROKEN = "broken"
    STALE = "stale"
    UNPROVEN = "not proven"


class Judged(Struct, frozen=True):
    """A promise as the page shows it: `reason` says why it is not proven, and is empty where it is."""

    promise: Promise
    standing: Standing
    reason: str
    evidence: Evidence | None


def latest(found: Iterable[Evidence], now: datetime) -> dict[str, Evidence]:
    """The newest evidence of each promise; what claims to come from the future is left out."""
    newest: dict[str, Evidence] = {}
    for one in sorted(found, key=lambda each: each.proved_at):
        if one.proved_at <= now + CLOCKS_DIFFER:
            newest[one.promise] = one
    return newest


def judge(promise: Promise, evidence: Evidence | None, now: datetime) -> Judged:
    """What the newest evidence makes of a promise at `now`.

    Proven only where every check that the promise names has passed, every mutant that it names has turned the sentence red, the sentence
    is the very one that was proved, and all of that is younger than its time to live.
    """
    if not promise.checks:
        return Judged(promise, Standing.UNPROVEN, "Nothing checks this sentence yet.", None)
    if evidence is None:
        return Judged(promise, Standing.UNPROVEN, "It has not been proved here yet.", None)
    if evidence.sentence != promise.sentence:
        return Judged(promise, Standing.UNPROVEN, "The evidence is of an earlier wording.", None)
    failed = [one.id for one in promise.checks if evidence.checks.get(one.id) is False]
    spared = [one.id for one in promise.mutants if evidence.mutants.get(one.id) is False]
    if failed or spared:
        words = [f"{one} failed" for one in failed] + [f"{one} was not noticed" for one in spared]
        return Judged(promise, Standing.BROKEN, f"The last proof did not hold: {', '.join(words)}.", evidence)
    missing = [one.id for one in promise.checks if one.id not in evidence.checks]
    missing += [one.id for one in promise.mutants if one.id not in evidence.mutants]
    if missing:
        return Judged(promise, Standing.UNPROVEN, f"The evidence lacks: {', '.join(missing)}.", None)
    if now - evidence.proved_at > promise.time_to_live:
        return Judged(promise, Standing.STALE, "The last proof is older than it is good for.", evidence)
    return Judged(promise, Standing.PROVEN, "", evidence)

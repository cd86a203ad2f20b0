"""Which themes of many calls are one: joined by their spelling in code, then, by a model that is asked in small batches, by their meaning.

The model is asked level by level. A level deals the labels that are left into batches of at most MOST_IN_BATCH; the labels that most calls
share stand in each of them, so that rare ones meet them, and the others come in the order of their spelling, so that near ones meet each
other. What is found to be one goes into the next level as one. It ends when all labels fit into one batch, when a level has brought little,
or after MOST_LEVELS.

So a question has at most MOST_IN_BATCH labels, however many calls there are, and n labels take at most n / 18 + 7 questions: a level of n
takes one for each MOST_IN_BATCH - ANCHORS = 75 of them, and the next level has at most three quarters of the labels, or there is none.
The same labels and the same answers give the same groups; which answer comes first changes nothing.

A model can join labels and nothing else. It answers with ids: an id that was not in the batch is no label, and a label that it puts into
two groups stays in neither, since the model contradicts itself. The name of a group is the one of its labels that most calls use. A batch
without an answer is left as it is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from analysis.domain.finding import CallAnalysis

MOST_IN_BATCH: Final = 100
ANCHORS: Final = 25
MOST_LEVELS: Final = 6

# A level that leaves more than this part of its labels is the last: the next one would hardly find more.
_LITTLE: Final = 0.75

# What a label means is told by some of its claims.
CLAIMS_OF_LABEL: Final = 2

# From a theme's key to the key of the theme that it belongs to; keys that stand for themselves are not in it.
Joined = Mapping[str, str]

# Groups of a batch's ids, as a model answered.
Groups = Sequence[Sequence[str]]


class Label(Struct, frozen=True):
    """A theme as the calls name it: its key, the spelling used most, the calls and findings that have it, and some claims.

    `calls` and `findings` include those of the labels that were joined to it; `own` are the calls and findings under its own name.
    """

    key: str
    text: str
    calls: frozenset[str]
    findings: int
    claims: tuple[str, ...]
    own: tuple[int, int]

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sorts the label that most calls share first."""
        return -len(self.calls), -self.findings, self.key

    @property
    def standing(self) -> tuple[int, int, str]:
        """Sorts the name first that most calls use."""
        return -self.own[0], -self.own[1], self.key


class Batch(Struct, frozen=True):
    """One question: labels, the first `anchors` of which stand in other batches of the level, too. `first` is the level's first."""

    labels: tuple[Label, ...]
    anchors: int
    first: bool

    def ids(self) -> dict[str, Label]:
        """The labels by the ids under which the model is told of them: t1, t2, …"""
        return {f"t{number}": label for number, label in enumerate(self.labels, start=1)}

    def joins(self, groups: Groups) -> dict[str, str]:
        """From a label's key to the key of another one that it is one with. Anything that cannot be is left out of it."""
        known = self.ids()
        counts = Counter(name for group in groups for name in set(group))
        anchors = {label.key for label in self.labels[: self.anchors]}
        joins: dict[str, str] = {}
        for group in groups:
            # The batch's labels are in the order of their rank, but for those that are no anchors: they come after all that are.
            members = sorted({name for name in group if name in known and counts[name] == 1}, key=_number)
            first, *others = [known[name].key for name in members] or [""]
            # Whether anchors are one is asked once, or batches could chain all of them together.
            joins |= {key: first for key in others if self.first or key not in anchors}
        return joins


class Reduction(Struct, frozen=True):
    """Where the reduce is: the labels that are left, and what has been joined so far. It is over when there is no batch."""

    labels: tuple[Label, ...]
    joined: Joined
    level: int = 0
    over: bool = False

    @classmethod
    def of(cls, labels: Sequence[Label]) -> Reduction:
        """Begin with the labels as code has grouped them."""
        return cls(tuple(sorted(labels, key=lambda label: label.rank)), {})

    def batches(self) -> tuple[Batch, ...]:
        """The questions of this level."""
        if self.over or len(self.labels) < 2:
            return ()
        if len(self.labels) <= MOST_IN_BATCH:
            return (Batch(self.labels, 0, first=True),)
        anchors, rest = self.labels[:ANCHORS], sorted(self.labels[ANCHORS:], key=lambda label: label.key)
        step = MOST_IN_BATCH - ANCHORS
        dealt = [tuple(rest[start : start + step]) for start in range(0, len(rest), step)]
        return tuple(Batch((*anchors, *part), ANCHORS, first=number == 0) for number, part in enumerate(dealt))

    def after(self, answers: Sequence[Groups | None]) -> Reduction:
        """The next level, given an answer to each batch of this one in their order; None where there was none."""
        batches = self.batches()
        joins: dict[str, str] = {}
        for batch, groups in zip(batches, answers, strict=True):
            joins |= batch.joins(groups) if groups is not None else {}
        left, moved = _united(self.labels, joins)
        over = len(batches) < 2 or len(left) > _LITTLE * len(self.labels) or self.level + 1 >= MOST_LEVELS
        # However little a level brought: labels that now fit into one batch are looked at together once.
        last = over and len(batches) > 1 and len(left) <= MOST_IN_BATCH
        joined = {**{key: moved.get(lead, lead) for key, lead in self.joined.items()}, **moved}
        return replace(self, labels=left, joined=joined, level=self.level + 1, over=over and not last)


def theme_key(label: str) -> str:
    """The label with what does not tell themes apart taken away: case, punctuation, spacing, a plural s."""
    words = re.sub(r"[^\w]+", " ", label.casefold().replace("_", " ")).split()
    key = " ".join(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words
    )
    # A label of signs alone is told apart by them.
    return key or label.casefold().strip()


def spelling(spellings: Iterable[str]) -> str:
    """The spelling used most; of equals the first in the alphabet."""
    counts = Counter(spellings)
    return min(counts, key=lambda text: (-counts[text], text))


def labels_of(analyses: Iterable[CallAnalysis]) -> list[Label]:
    """The themes of all findings as their spelling joins them, the largest first; `analyses` in the run's order."""
    texts, claims, calls = (
        defaultdict[str, list[str]](list),
        defaultdict[str, list[str]](list),
        defaultdict[str, set[str]](set),
    )
    for call in analyses:
        for finding in call.findings:
            key = theme_key(finding.theme)
            texts[key].append(finding.theme)
            # One claim of a call: two of the same call tell less of what the theme is.
            if len(claims[key]) < CLAIMS_OF_LABEL and call.call_id not in calls[key]:
                claims[key].append(finding.claim)
            calls[key].add(call.call_id)
    labels = [
        Label(
            key,
            spelling(found),
            frozenset(calls[key]),
            len(found),
            tuple(claims[key]),
            own=(len(calls[key]), len(found)),
        )
        for key, found in texts.items()
    ]
    return sorted(labels, key=lambda label: label.rank)


def as_joined(value: object, keys: Collection[str]) -> Joined | None:
    """What joins themes, as it was stored, where it does so with these keys: each to one that stands for itself. None otherwise."""
    if not isinstance(value, dict) or not all(isinstance(lead, str) for lead in value.values()):
        return None
    known = all(key in keys and lead in keys and lead not in value for key, lead in value.items())
    return value if known else None


def _united(labels: Sequence[Label], joins: Mapping[str, str]) -> tuple[tuple[Label, ...], dict[str, str]]:
    """The labels with those that are one as one, under the name that most calls use; and from each other's key to that one's."""
    groups: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        groups[_end(label.key, joins)].append(label)
    united, moved = [], dict[str, str]()
    for group in groups.values():
        lead = min(group, key=lambda label: label.standing)
        calls = frozenset[str]().union(*(label.calls for label in group))
        united.append(replace(lead, calls=calls, findings=sum(label.findings for label in group)))
        moved |= {label.key: lead.key for label in group if label is not lead}
    return tuple(sorted(united, key=lambda label: label.rank)), moved


def _end(key: str, joins: Mapping[str, str]) -> str:
    """Where a chain of joins ends. It does, after a few steps: fresh labels join anchors or fresh ones, anchors larger anchors."""
    while key in joins:
        key = joins[key]
    return key


def _number(name: str) -> int:
    return int(name[1:])

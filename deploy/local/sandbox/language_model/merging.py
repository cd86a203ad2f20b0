"""Says which labels of themes mean the same, as far as their words tell: those that share most of them.

Words that turn a meaning round ("too", "not", "high" and "low") weigh as any other, so that a label and its opposite stay apart.
"""

from __future__ import annotations

from local.sandbox.language_model.documents import LabelGroup, MergeAnswer, MergeQuestion
from local.sandbox.language_model.words import stem, words_of

ALIKE = 0.6
"""Labels that share at least this part of all their words (Jaccard) are taken for one."""
_EMPTY_WORDS = frozenset({"a", "an", "the", "of", "to", "for", "and", "or", "on", "in", "with", "about", "is", "are"})


def merge_themes(question: MergeQuestion) -> MergeAnswer:
    """Groups of labels that are alike: each label joins the first group, in the question's order, whose first label it is like."""
    groups: list[tuple[frozenset[str], list[str]]] = []
    for label in question.labels:
        words = frozenset(stem(word) for word in words_of(label.label) if word not in _EMPTY_WORDS)
        near = next((ids for lead, ids in groups if _likeness(lead, words) >= ALIKE), None)
        if near is None:
            groups.append((words, [label.id]))
        else:
            near.append(label.id)
    return MergeAnswer(groups=tuple(LabelGroup(ids=tuple(ids)) for _, ids in groups if len(ids) > 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0

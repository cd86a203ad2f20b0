"""Which columns equal the scope in every row: a graph of equalities whose closure answers.

A node stands for one text column of one relation at one place of the statement, or for the scope itself. A rule `sources -> target` says
that the target equals the scope (or is null, beside an outer join) wherever all of its sources do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# The scope parameter's own node, and the only fact to begin with.
SCOPE = 0

Node = int
# Nodes from `start` on, before `stop`. Nodes are numbered as the statement is walked, so that a part of it owns a range of them.
Range = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class _Assumption:
    """A recursive query's own column: equal to the scope if its first part's is and each further part keeps it so."""

    target: Node
    first: Node
    further: Node


class Ties:
    """The graph of one statement."""

    def __init__(self) -> None:
        self._next = SCOPE + 1
        self._rules: list[tuple[tuple[Node, ...], Node]] = []
        self._assumptions: list[_Assumption] = []

    @property
    def mark(self) -> Node:
        """The number of the next node."""
        return self._next

    def node(self, *sources: Node | None) -> Node:
        """A new node, tied wherever all `sources` are; without sources, or with None among them, by nothing yet."""
        made = self._next
        self._next += 1
        known = tuple(source for source in sources if source is not None)
        if known and len(known) == len(sources):
            self._rules.append((known, made))
        return made

    def equal(self, left: Node, right: Node, within: Range) -> None:
        """Each of two equal columns ties the other; only nodes `within` may become tied by it."""
        for source, target in ((left, right), (right, left)):
            if within[0] <= target < within[1]:
                self._rules.append(((source,), target))

    def follow(self, source: Node, target: Node) -> None:
        """`target` has the value of `source`."""
        self._rules.append(((source,), target))

    def assume(self, target: Node, first: Node, further: Node) -> None:
        """`target` is tied as `first` is, on the condition that `further` turns out to be tied as well."""
        self._assumptions.append(_Assumption(target, first, further))

    def source_of(self, target: Node) -> Node | None:
        """The single node whose value `target` was made from, if there is one."""
        sources = [rule[0] for rule in self._rules if rule[1] == target]
        return sources[0][0] if len(sources) == 1 and len(sources[0]) == 1 else None

    def tied(self, facts: Iterable[Node] = (SCOPE,)) -> frozenset[Node]:
        """Every node that is tied when `facts` are."""
        given, kept = frozenset(facts), list(self._assumptions)
        while True:
            reached = self._closure(given, kept)
            broken = [one for one in kept if one.target in reached and one.further not in reached]
            if not broken:
                return reached
            kept = [one for one in kept if one not in broken]

    def _closure(self, facts: frozenset[Node], assumptions: Iterable[_Assumption]) -> frozenset[Node]:
        rules = [*self._rules, *(((one.first,), one.target) for one in assumptions)]
        missing = [len(set(sources)) for sources, _ in rules]
        waiting: dict[Node, list[int]] = {}
        for number, (sources, _) in enumerate(rules):
            for source in set(sources):
                waiting.setdefault(source, []).append(number)
        reached, todo = set(facts), list(facts)
        while todo:
            for number in waiting.get(todo.pop(), ()):
                missing[number] -= 1
                target = rules[number][1]
                if missing[number] == 0 and target not in reached:
                    reached.add(target)
                    todo.append(target)
        return frozenset(reached)

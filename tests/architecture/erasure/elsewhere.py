"""What is kept outside of tables, beside the rules: folders of objects, topics, and what lies with others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from architecture.erasure.rules import Provider, Rules, Topic
from egress.register import Recipient
from messaging.topology import Subscription

# An object's name is written as a formatted text that begins with its folder, `f"calls/{call_id}/…"`, or as a plain one that ends as files
# do; neither has a blank. A path of the API begins with a slash, an address with a scheme.
_FORMATTED = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.=-]*)/\S*")
_PLAIN = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.=-]*)/[A-Za-z0-9_./=-]+\.[a-z0-9]{2,5}")

# The shortest that seven business days can be.
DEADLINE_DAYS = 9


def folders_written(sources: Iterable[Path]) -> dict[str, str]:
    """The folders that object names in `sources` begin with, each with a place where."""
    return {
        folder: f"{path.name}:{line}" for path in sources for line, folder in _folders_in(ast.parse(path.read_text()))
    }


def _folders_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    formatted = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if found := _FORMATTED.fullmatch(text):
                yield node.lineno, found[1]
            case ast.Constant(value=str(text)) if id(node) not in formatted | documented and (
                found := _PLAIN.fullmatch(text)
            ):
                yield node.lineno, found[1]


def unruled_folders(written: Mapping[str, str], rules: Rules) -> list[str]:
    """Folders without a rule, and rules without a folder."""
    return [
        *(
            f"{place}: objects are written to {folder}/, which has no rule; enter it under `objects` in erasure.yaml"
            for folder, place in written.items()
            if folder not in rules.objects
        ),
        *(
            f"{folder}/ has a rule and nothing writes to it; remove the rule"
            for folder in rules.objects
            if folder not in written
        ),
    ]


def unruled_topics(
    names: Iterable[str], subscriptions: Iterable[Subscription], topics: Mapping[str, Topic]
) -> list[str]:
    """Topics without a rule, rules without a topic, messages that are kept for longer than their rule or the deadline allows."""
    known = set(names)
    new, gone = sorted(known - topics.keys()), sorted(topics.keys() - known)
    found = [f"topic {name}: has no rule; enter it under `topics` in erasure.yaml of messaging" for name in new]
    found += [f"topic {name}: has a rule and is no longer there; remove the rule" for name in gone]
    found += [
        f"topic {name}: keeps messages for {topic.days} days, longer than a deletion may take ({DEADLINE_DAYS})"
        for name, topic in topics.items()
        if topic.days >= DEADLINE_DAYS
    ]
    # What nobody could handle comes to the dead letters, from where the service parks it.
    allowed = {name: topic.days for name, topic in topics.items()}
    longest = max(allowed.values(), default=0)
    return found + [
        f"subscription {one.name}: keeps messages for {one.retention_days} days, longer than their rule says"
        for one in subscriptions
        if one.retention_days > allowed.get(one.topic, longest)
    ]


def unruled_providers(register: Iterable[Recipient], providers: Mapping[str, Provider]) -> list[str]:
    """Companies that data goes to and of which no rule says what lies there and what becomes of it; and rules for nobody."""
    known = {recipient.name for recipient in register}
    new, gone = sorted(known - providers.keys()), sorted(providers.keys() - known)
    return [
        *(f"provider {name}: has no rule; enter it under `providers` in erasure.yaml of messaging" for name in new),
        *(f"provider {name}: has a rule and is not in the register; remove the rule" for name in gone),
    ]

"""Block Kit as far as the sandbox knows it: which blocks there are, and how long their texts may be.

The numbers are Slack's, https://docs.slack.dev/reference/block-kit/blocks and .../composition-objects/text-object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

MOST_BLOCKS = 50
MOST_FIELDS = MOST_ELEMENTS = 10
LONGEST = {"header": 150, "section": 3000, "field": 2000, "element": 3000}

# A person, a channel, a group, or everybody, as Slack's markup has them.
_MENTION = re.compile(r"<[!@#][^>]*>")


def fault_of(blocks: object) -> str:
    """What is wrong with blocks, naming the place; empty where nothing is."""
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS:
        return f"blocks: a list of at most {MOST_BLOCKS}"
    for number, block in enumerate(blocks):
        fault = _block(block)
        if fault:
            return f"blocks[{number}]: {fault}"
    return ""


def mentions_in(text: str, blocks: object) -> list[str]:
    """Who and what a message would call: in its text and in what its blocks have marked up."""
    marked = [text]
    if isinstance(blocks, list):
        marked += [
            one["text"] for one in _texts(blocks) if one.get("type") == "mrkdwn" and isinstance(one["text"], str)
        ]
    return [mention for one in marked for mention in _MENTION.findall(one)]


def lines_of(blocks: object) -> list[str]:
    """The texts of the blocks, for the page that shows messages; entities as the characters they stand for."""
    shown = []
    for one in _texts(blocks if isinstance(blocks, list) else []):
        text = str(one["text"])
        if one.get("type") == "mrkdwn":
            text = re.sub(r"<(https?://[^|>]+)\|([^>]+)>", r"\2 (\1)", text).replace("*", "")
        shown.append(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return shown


def _texts(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, Mapping):
        if value.get("type") in ("plain_text", "mrkdwn") and "text" in value:
            yield value
        else:
            for inner in value.values():
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _block(block: object) -> str:
    if not isinstance(block, Mapping):
        return "not an object"
    match block.get("type"):
        case "header":
            return _unknown(block, "text") or _text(block.get("text"), LONGEST["header"], ("plain_text",))
        case "section":
            return _unknown(block, "text", "fields") or _section(block)
        case "context":
            return _unknown(block, "elements") or _all(
                block.get("elements"), MOST_ELEMENTS, LONGEST["element"], "elements"
            )
        case "divider":
            return _unknown(block)
        case kind:
            return f"{kind} is no type of block that the sandbox knows"


def _section(block: Mapping[str, object]) -> str:
    if "text" not in block and "fields" not in block:
        return "a section has text or fields"
    if "text" in block:
        fault = _text(block["text"], LONGEST["section"])
        if fault:
            return fault
    return _all(block["fields"], MOST_FIELDS, LONGEST["field"], "fields") if "fields" in block else ""


def _all(items: object, most: int, longest: int, name: str) -> str:
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        return f"{name}: between 1 and {most}"
    return next((fault for one in items if (fault := _text(one, longest))), "")


def _text(text: object, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> str:
    if not isinstance(text, Mapping) or text.get("type") not in kinds:
        return f"a text of type {' or '.join(kinds)}"
    own = "emoji" if text["type"] == "plain_text" else "verbatim"
    if set(text) - {"type", "text", own} or not isinstance(text.get(own, True), bool):
        return f"a {text['type']} has text and {own}"
    words = text.get("text")
    if not isinstance(words, str) or not 1 <= len(words) <= longest:
        return f"a text of 1 to {longest} characters"
    return ""


def _unknown(block: Mapping[str, object], *known: str) -> str:
    more = set(block) - {"type", "block_id", *known}
    return f"unknown: {', '.join(sorted(more))}" if more else ""

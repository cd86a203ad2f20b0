"""Lists page by page, and only the fields that were asked for: the emulator answers every list whole.

As cloud.google.com/storage/docs/json_api/v1/objects/list has `maxResults` and `pageToken`, and cloud.google.com/storage/docs/json_api under
"Partial response" has `fields`.
"""

from __future__ import annotations

import base64
import bisect
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

# Of a page, at most and where nothing is asked.
MOST_ITEMS = 1_000

_LIST = "storage#objects"

# A name, and in brackets names within it; then a comma or the end.
_FIELD = re.compile(r"(\w+)(?:\((\w+(?:,\w+)*)\))?(?:,(?=\w)|$)")


def answered(whole: object, query: str) -> object:
    """What is answered to a request with `query` where the emulator would answer `whole`."""
    if not isinstance(whole, dict):
        return whole
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    return _selected(_page(whole, asked), asked.get("fields", ""))


def _page(whole: dict[str, object], asked: Mapping[str, str]) -> dict[str, object]:
    """A page of a list, which is in the order of its names; the whole where folders are asked for, which are not told by pages here."""
    items = whole.get("items")
    if whole.get("kind") != _LIST or not isinstance(items, list) or "delimiter" in asked:
        return whole
    most = min(int(asked.get("maxResults") or MOST_ITEMS), MOST_ITEMS)
    after = base64.urlsafe_b64decode(asked["pageToken"]).decode() if asked.get("pageToken") else ""
    first = bisect.bisect_right(items, after, key=_name) if after else 0
    page = items[first : first + most]
    if first + most >= len(items):
        return {**whole, "items": page}
    return {**whole, "items": page, "nextPageToken": base64.urlsafe_b64encode(_name(page[-1]).encode()).decode()}


def _name(item: Mapping[str, object]) -> str:
    return str(item["name"])


def _selected(whole: dict[str, object], fields: str) -> dict[str, object]:
    """The named fields; everything where none are, or in a way that is not read here."""
    found = list(_FIELD.finditer(fields))
    if not found or "".join(one[0] for one in found) != fields:
        return whole
    return {one[1]: _within(whole[one[1]], one[2]) for one in found if one[1] in whole}


def _within(value: object, fields: str | None) -> object:
    if fields is None:
        return value
    if isinstance(value, list):
        return [_within(one, fields) for one in value]
    return _selected(value, fields) if isinstance(value, dict) else value

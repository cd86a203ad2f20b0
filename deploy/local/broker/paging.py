"""Pages of a list: the token is the position to go on from, which is enough for lists that rarely change."""

from collections.abc import Sequence
from typing import TypeVar

from local.rpc import Refused

ItemT = TypeVar("ItemT")

DEFAULT_PAGE = 100


def page(items: Sequence[ItemT], size: int, token: str) -> tuple[Sequence[ItemT], str]:
    """Returns the items of one page and the token of the next one ("" at the end)."""
    if token and not token.isdecimal():
        raise Refused.invalid("The page token is not one of this server. Start again without it.")
    start = int(token or 0)
    end = start + (size or DEFAULT_PAGE)
    return items[start:end], str(end) if end < len(items) else ""

"""Which operators a place gets: the plain ones everywhere, of the others every eighth, others from place to place."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

_Operator = TypeVar("_Operator")

SHARE = 8


def rotated(
    operators: Mapping[str, _Operator], everywhere: AbstractSet[str], place: str, share: int = SHARE
) -> dict[str, _Operator]:
    """The operators for `place`. The same place always gets the same ones.

    `share` is smaller where only few places can have an operator.
    """
    turn = zlib.crc32(place.encode()) % share
    others = [name for name in operators if name not in everywhere]
    chosen = {*everywhere, *others[turn::share]}
    return {name: operator for name, operator in operators.items() if name in chosen}

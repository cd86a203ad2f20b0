"""What PostgreSQL looks at for a statement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from database.connect import RawConnection

Node: TypeAlias = dict[str, Any]

_SEEN = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")


async def rows_read(connection: RawConnection, sql: str, values: Sequence[object]) -> float:
    """How many rows the statement's scans and joins look at; it is run for that, in the caller's transaction."""
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT json) {sql}", *values)
    plan = json.loads(found)[0]["Plan"]
    counted = (one["Actual Loops"] * sum(one.get(name, 0.0) for name in _SEEN) for one in _nodes(plan))
    return float(sum(counted))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in cast("list[Node]", node.get("Plans", [])):
        yield from _nodes(child)

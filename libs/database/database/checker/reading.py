"""Reads the catalog of a live database as the connected role resolves it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import asyncpg

from database.checker.catalog import Catalog, Column, Function, Key, Relation
from database.queries import Queries

if TYPE_CHECKING:
    from database.connect import Connection, RawConnection


async def read_catalog(connection: RawConnection | Connection) -> Catalog:
    """Everything that statements on this connection can name. Raises asyncpg's errors; changes nothing."""
    queries = Queries.of("database")

    async def rows(name: str) -> list[asyncpg.Record]:
        return await connection.fetch(queries[name].sql)

    unique: dict[Key, list[tuple[str, frozenset[str]]]] = {}
    for row in await rows("catalog_unique_indexes"):
        unique.setdefault((row["schema"], row["table"]), []).append((row["name"], frozenset(row["columns"])))
    functions: dict[Key, tuple[Function, ...]] = {}
    for row in await rows("catalog_functions"):
        key = (row["schema"], row["name"])
        functions[key] = (*functions.get(key, ()), Function(**row))
    return Catalog(
        path=tuple([row["schema"] for row in await rows("catalog_search_path")]),
        relations=_relations(await rows("catalog_relations"), unique),
        functions=functions,
        operators=frozenset((row["schema"], row["name"]) for row in await rows("catalog_operators")),
        built_in=frozenset(row["name"] for row in await rows("catalog_built_in_functions")),
    )


def _relations(
    rows: Iterable[asyncpg.Record], unique: dict[Key, list[tuple[str, frozenset[str]]]]
) -> dict[Key, Relation]:
    relations: dict[Key, Relation] = {}
    for row in rows:
        key = (row["schema"], row["name"])
        relations[key] = Relation(
            *key,
            tuple(Column(*pair) for pair in zip(row["columns"], row["types"], strict=True)),
            row["kind"],
            row["definition"],
            row["security_invoker"],
            tuple(unique.get(key, ())),
        )
    return relations

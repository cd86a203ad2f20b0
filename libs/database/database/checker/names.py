"""What names mean at one place of a statement: PostgreSQL's rules for columns, aliases and CTEs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from database.checker.problems import Unresolved
from database.checker.ties import Node, Range

SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


@dataclass(frozen=True, slots=True)
class Field:
    """A column as it is visible: its name here, and its node unless it is no plain text column."""

    name: str
    node: Node | None = None


Fields = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A relation that columns can be qualified with. `open` where its columns are not known, `schema` where it has no alias."""

    name: str
    fields: Fields
    schema: str | None = None
    open: bool = False
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a FROM clause: the relations that it makes visible, its columns in order, and the nodes that belong to it."""

    relations: tuple[Named, ...]
    fields: Fields
    nodes: Range


@dataclass(frozen=True, slots=True)
class Names:
    """What is visible at one query level. `outer` is the level around it; a CTE that must not be named here yet is None."""

    items: tuple[Item, ...] = ()
    outer: Names | None = None
    ctes: Mapping[str, Fields | None] = field(default_factory=dict)

    def below(self, *items: Item) -> Names:
        """A level inside this one."""
        return Names(items, self, self.ctes)

    def beside(self, *items: Item) -> Names:
        """This level with more entries."""
        return Names((*self.items, *items), self.outer, self.ctes)

    def with_cte(self, name: str, fields: Fields | None) -> Names:
        """This level, with a CTE."""
        return Names(self.items, self.outer, {**self.ctes, name: fields})

    def column(self, parts: Sequence[str]) -> Field:
        """The column called `name`, `relation.name` or `schema.relation.name`. Raises Unresolved."""
        if len(parts) == 1:
            return self._plain(parts[0])
        if len(parts) > 3:
            raise Unresolved(f"column {'.'.join(parts)} has too many parts")
        relation = self.relation(parts[:-1])
        return _only(_called(relation.fields, parts[-1]), parts) or _hidden((relation,), parts)

    def relation(self, parts: Sequence[str]) -> Named:
        """The relation that a column is qualified with, of the innermost level that has one of the name. Raises Unresolved."""
        *schema, name = parts
        for level in self._levels():
            found = [
                one
                for item in level.items
                for one in item.relations
                if one.name == name and (not schema or one.schema == schema[0])
            ]
            if len(found) > 1:
                raise Unresolved(f"{'.'.join(parts)} is more than one relation here")
            if found:
                return found[0]
        raise Unresolved(f"{'.'.join(parts)} is no relation here")

    def _plain(self, name: str) -> Field:
        for level in self._levels():
            found = _only(_called([one for item in level.items for one in item.fields], name), [name])
            if found:
                return found
            relations = [one for item in level.items for one in item.relations]
            if any(one.open or (one.stored and name in SYSTEM_COLUMNS) for one in relations):
                return Field(name)
        if any(one.name == name for level in self._levels() for item in level.items for one in item.relations):
            return Field(name)  # a whole row
        raise Unresolved(f"there is no column {name}")

    def _levels(self) -> Iterator[Names]:
        level: Names | None = self
        while level is not None:
            yield level
            level = level.outer


def renamed(fields: Fields, names: Sequence[str]) -> Fields:
    """The first fields under other names, as in `notes AS n (a, b)`. Raises Unresolved when there are more names than fields."""
    if len(names) > len(fields):
        raise Unresolved(f"there are only {len(fields)} columns for the names {', '.join(names)}")
    return tuple(Field(names[place] if place < len(names) else one.name, one.node) for place, one in enumerate(fields))


def _called(fields: Sequence[Field], name: str) -> list[Field]:
    return [one for one in fields if one.name == name]


def _only(found: list[Field], parts: Sequence[str]) -> Field | None:
    if len(found) > 1:
        raise Unresolved(f"column {'.'.join(parts)} is ambiguous")
    return found[0] if found else None


def _hidden(relations: Sequence[Named], parts: Sequence[str]) -> Field:
    if any(one.open or (one.stored and parts[-1] in SYSTEM_COLUMNS) for one in relations):
        return Field(parts[-1])
    raise Unresolved(f"there is no column {'.'.join(parts)}")

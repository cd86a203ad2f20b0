"""Slots, and the ways in which two of them differ."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot

PARTS = ("workspace_id", "provider", "credential_id", "field", "version")

# Some are the beginnings of others, so that parts that run into each other would be noticed.
WORKSPACES = tuple(WorkspaceId(name) for name in ("org_a", "org_a1", "org_a11", "org_b", "org_b1", "org_1"))
_FIELDS = ("access_key", "secret", "access_token", "refresh_token")
_VERSIONS = (1, 2, 11, 12, 111, 2**31, 2**63 - 1)

_LONGEST = 300

_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class Case:
    """Which parts of the slot differ, and whether the data key is another workspace's than the slot's."""

    parts: tuple[str, ...]
    key_swapped: bool

    def __str__(self) -> str:
        """For a problem."""
        return f"{' and '.join(self.parts) or 'nothing'} changed{', data key swapped' if self.key_swapped else ''}"


CASES = tuple(
    Case(parts, swapped)
    for size in range(len(PARTS) + 1)
    for parts in itertools.combinations(PARTS, size)
    for swapped in (False, True)
    if parts or swapped
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The choices of a seed."""

    draw: random.Random

    def slot(self) -> Slot:
        """Any slot."""
        draw = self.draw
        credential = uuid.UUID(int=draw.getrandbits(128), version=4)
        provider = draw.choice(list(Provider))
        return Slot(draw.choice(WORKSPACES), provider, credential, draw.choice(_VERSIONS), draw.choice(_FIELDS))

    def elsewhere(self, slot: Slot, parts: Sequence[str]) -> Slot:
        """A slot that differs from `slot` in these parts."""
        others: Mapping[str, Callable[[], object]] = {
            "workspace_id": lambda: self.other(WORKSPACES, slot.workspace_id),
            "provider": lambda: self.other(list(Provider), slot.provider),
            # A single bit is enough.
            "credential_id": lambda: uuid.UUID(int=slot.credential_id.int ^ (1 << self.draw.randrange(128))),
            "field": lambda: self.other(_FIELDS, slot.field),
            "version": lambda: self.other(_VERSIONS, slot.version),
        }
        changed = slot
        for part in parts:
            changed = replace(changed, **{part: others[part]()})  # type: ignore[arg-type]  # the parts have several types
        return changed

    def owner_of_key(self, case: Case, source: Slot, target: Slot) -> WorkspaceId:
        """Whose data key lies beside the transplanted ciphertext: the source's where that is a swap, otherwise a third one's."""
        if not case.key_swapped:
            return target.workspace_id
        moved = source.workspace_id != target.workspace_id
        return source.workspace_id if moved else self.other(WORKSPACES, source.workspace_id)

    def text(self) -> str:
        """Any credential."""
        return "".join(self.draw.choices("abcXYZ019-_.~é", k=self.draw.randint(1, _LONGEST)))

    def other(self, choices: Sequence[_One], than: _One) -> _One:
        """One of `choices` that is not `than`."""
        return self.draw.choice([one for one in choices if one != than])

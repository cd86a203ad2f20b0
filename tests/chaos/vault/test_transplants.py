"""Transplants: ours rejects all of them, and whatever is not bound to its place, or is bound in another way, is noticed."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from chaos.harness import Plan
from chaos.vault.transplants import measure, wire
from chaos.vault.transplants.slots import CASES, PARTS
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import Keyring

_PLAN = Plan(seed=5, full=False, tick=lambda _done, _total: None)
_EACH = 10

_BLANK = {
    "workspace_id": WorkspaceId("org_blank"),
    "provider": Provider.GONG,
    "credential_id": uuid.UUID(int=0),
    "field": "",
    "version": 1,
}


class _Careless(Keyring):
    """Leaves a part of the slot out of the associated data."""

    part = ""

    def encrypt(self, data_key: bytes, slot: Slot, text: str) -> bytes:
        """As ours, for less than the slot."""
        return super().encrypt(data_key, self._less(slot), text)

    def decrypt(self, data_key: bytes, slot: Slot, ciphertext: bytes) -> str:
        """As ours, for less than the slot."""
        return super().decrypt(data_key, self._less(slot), ciphertext)

    def _less(self, slot: Slot) -> Slot:
        blank = replace(slot, **{self.part: _BLANK[self.part]})  # type: ignore[arg-type]  # one part, of its own type
        less = replace(slot)
        object.__setattr__(less, "associated_data", blank.associated_data)
        return less


async def test_all_are_rejected_and_the_format_is_tinks() -> None:
    part = await measure(_PLAN, "", _EACH * len(CASES))
    assert part.problems == ()
    assert part.figures["transplants"] == part.figures["transplants_rejected"] == _EACH * len(CASES)
    assert part.figures["opened_without_tink"]


@pytest.mark.parametrize("name", PARTS)
async def test_a_part_that_is_left_out_is_noticed(name: str) -> None:
    part = await measure(_PLAN, "", _EACH * len(CASES), type("Careless", (_Careless,), {"part": name}))
    assert any("without Tink" in problem for problem in part.problems)
    # The workspace is guarded by its data key as well, which has its own wall.
    if name != "workspace_id":
        assert f"{name} changed: opened" in "\n".join(part.problems)
        assert part.figures["transplants_rejected"] != part.figures["transplants"]


def test_another_key_or_another_beginning_reads_as_nothing() -> None:
    slot = Slot(WorkspaceId("org_a"), Provider.GONG, uuid.UUID(int=7), 3, "secret")
    keyset = Keyring.generate()
    keyring, root = Keyring(keyset), wire.keys_of(keyset)
    wrapped = keyring.new_data_key(slot.workspace_id)
    keys, ciphertext = wire.data_keys_of(root, wrapped, slot.workspace_id), keyring.encrypt(wrapped, slot, "a secret")
    assert wire.opened(keys, ciphertext, wire.associated_data(slot)) == b"a secret"
    altered = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    for wrong in (b"\x00" + ciphertext[1:], ciphertext[:1] + b"\0\0\0\0" + ciphertext[5:], altered):
        with pytest.raises(wire.Unreadable):
            wire.opened(keys, wrong, wire.associated_data(slot))
    with pytest.raises(wire.Unreadable):
        wire.data_keys_of(root, wrapped, WorkspaceId("org_b"))

"""Speed beside Tink: it is measured, and a keyring that takes twice the time is told. How fast ours is, the proof says, not a test."""

from __future__ import annotations

import os

from chaos.harness import Plan
from chaos.vault.speed import WANTED, measure
from credential_vault.domain.credentials import Slot
from credential_vault.encryption.keyring import Keyring

_PLAN = Plan(seed=5, full=False, tick=lambda _done, _total: None)


class _Slow(Keyring):
    """Does everything several times."""

    def encrypt(self, data_key: bytes, slot: Slot, text: str) -> bytes:
        """As ours, the last time."""
        for _ in range(3):
            super().encrypt(data_key, slot, text)
        return super().encrypt(data_key, slot, text)


async def test_it_is_measured_on_one_core_that_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    part = await measure(_PLAN, "", 4)
    assert os.sched_getaffinity(0) == before
    for name in ("tink_ratio", "tink_ratio_from_bytes", "tink_ratio_with_slots"):
        ratio = part.figures[name]
        assert isinstance(ratio, float)
        assert 0 < ratio < 3


async def test_a_keyring_that_is_slower_than_it_may_be_is_told() -> None:
    part = await measure(_PLAN, "", 8, _Slow(Keyring.generate()))
    [problem] = part.problems
    assert f"under {WANTED}" in problem

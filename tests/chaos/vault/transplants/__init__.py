"""Transplants: a ciphertext opens in the slot it was made for, and in no other, whichever data key is put beside it.

Real ciphertexts of the vault's keyring are tried in slots that differ from their own in every combination of parts (workspace, provider,
credential, field, version), with the data key that belongs there and with another workspace's, from a keyring that knows the keys already
and from one that has to unwrap them. A sample is also opened without Tink (`wire`), with associated data that is made independently.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chaos.harness import Figure, Plan
from chaos.vault.transplants import wire
from chaos.vault.transplants.slots import CASES, WORKSPACES, Case, Drawn
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Slot
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from isolation import Part

QUICK, FULL = 12_600, 126_000

# One transplant in so many meets a keyring that does not know the data keys yet, and one ciphertext in so many is opened without Tink.
_UNKNOWN, _SAMPLED = 8, 4

# Whatever else is proven at the same time has its turn after so many.
_BREATH = 500


@dataclass(slots=True)
class Grafting:
    """A keyring with the data keys of some workspaces, what an independent reader makes of them, and what became of the transplants."""

    keyring: Keyring
    keys: Mapping[WorkspaceId, bytes]
    plain: Mapping[WorkspaceId, wire.Keys]
    drawn: Drawn
    made: int = 0
    rejected: int = 0
    sampled: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def transplant(self, case: Case) -> None:
        """Make a ciphertext that opens at home, and try it where `case` puts it."""
        source, text = self.drawn.slot(), self.drawn.text()
        target = self.drawn.elsewhere(source, case.parts)
        home = self.keys[source.workspace_id]
        ciphertext = self.keyring.encrypt(home, source, text)
        # Otherwise nothing would follow from its not opening elsewhere.
        if self._outcome(home, source, ciphertext) != f"opened: {text}":
            self.wrong["a ciphertext does not open at home"] += 1
        if self.made % _SAMPLED == 0:
            self._open_without_tink(source, ciphertext, text)
        if self.made % _UNKNOWN == 0:
            for workspace_id in WORKSPACES:
                self.keyring.forget(workspace_id)
        key = self.keys[self.drawn.owner_of_key(case, source, target)]
        self.made += 1
        if (outcome := self._outcome(key, target, ciphertext)) == CannotDecrypt.__name__:
            self.rejected += 1
        else:
            self.wrong[f"{case}: {outcome.partition(':')[0]}"] += 1

    def _outcome(self, key: bytes, slot: Slot, ciphertext: bytes) -> str:
        try:
            return f"opened: {self.keyring.decrypt(key, slot, ciphertext)}"
        except Exception as error:  # noqa: BLE001 - any other than the one that is promised is a finding
            return type(error).__name__

    def _open_without_tink(self, slot: Slot, ciphertext: bytes, text: str) -> None:
        try:
            found = wire.opened(self.plain[slot.workspace_id], ciphertext, wire.associated_data(slot))
        except wire.Unreadable as error:
            self.wrong[f"without Tink, {error}"] += 1
            return
        self.sampled += 1
        if found != text.encode():
            self.wrong["without Tink, a ciphertext reads otherwise"] += 1


async def measure(
    plan: Plan, admin_url: str, transplants: int | None = None, made_from: Callable[[str], Keyring] = Keyring
) -> Part:
    """Try `transplants` (otherwise QUICK, or FULL for a full plan) on the keyring that `made_from` gives. No database is needed."""
    del admin_url
    total, keyset = transplants or (FULL if plan.full else QUICK), Keyring.generate()
    keyring, root = made_from(keyset), wire.keys_of(keyset)
    keys = {one: keyring.new_data_key(one) for one in WORKSPACES}
    plain = {one: wire.data_keys_of(root, key, one) for one, key in keys.items()}
    grafting = Grafting(keyring, keys, plain, Drawn(random.Random(plan.seed)))
    for number in range(total):
        grafting.transplant(CASES[number % len(CASES)])
        plan.tick(number + 1, total)
        if number % _BREATH == 0:
            await asyncio.sleep(0)
    figures: dict[str, Figure] = {
        "transplants": grafting.made,
        "transplants_rejected": grafting.rejected,
        "transplant_cases": len(CASES),
        "opened_without_tink": grafting.sampled,
    }
    told = [f"transplants, seed {plan.seed}: {what}, {times} times" for what, times in grafting.wrong.items()]
    return Part(figures, tuple(told))


__all__ = ["FULL", "QUICK", "measure"]

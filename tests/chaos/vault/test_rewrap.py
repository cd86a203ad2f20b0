"""Rewrapping under reads and kills: ours fails no read and leaves nothing behind, and three that are built wrongly are noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from chaos.harness import Plan
from chaos.vault.rewrap import Scale, measure
from chaos.vault.rewrap.runs import Order, Program, rewrap
from core.faultpoints import reach
from core.ids import WorkspaceId
from credential_vault.encryption.keyset import wrapping_key_of
from credential_vault.encryption.rewrapping import Rewrapping
from credential_vault.store import keys as store

_PLAN = Plan(seed=5, full=False, tick=lambda _done, _total: None)

# No rate is asked for: other tests may run beside this one.
_SCALE = Scale(150, 3, reads_per_second=60, least_rate=0)
_UNHARMED = replace(_SCALE, kills=0)


def _into_another_slot(order: Order) -> None:
    """Encrypts for the version that comes next."""

    def reencrypted(self: Rewrapping, held: store.Ciphertexts, old_key: bytes, new_key: bytes) -> store.Ciphertexts:
        placed = {slot.field: self.keyring.decrypt(old_key, slot, ciphertext) for slot, ciphertext in held.placed()}
        fields = {
            name: self.keyring.encrypt(new_key, replace(held.slot, version=held.slot.version + 1, field=name), text)
            for name, text in placed.items()
        }
        return structs.replace(held, fields=fields)

    Rewrapping._reencrypted = reencrypted  # type: ignore[method-assign]
    rewrap(order)


def _forgetful(order: Order) -> None:
    """Passes over some workspaces and says that nothing is left."""
    ours = Rewrapping.move

    async def move(self: Rewrapping, workspace_id: WorkspaceId) -> bool:
        return workspace_id.endswith("7") or await ours(self, workspace_id)

    Rewrapping.move = move  # type: ignore[method-assign]
    rewrap(order)


def _in_two_transactions(order: Order) -> None:
    """Commits the ciphertexts, and the data key that opens them afterwards."""

    async def move(self: Rewrapping, workspace_id: WorkspaceId) -> bool:
        async with self.db.workspace(workspace_id) as tx:
            found = await store.to_move(tx, self.keyring.primary)
            if found is None:
                return False
            await self.keyring.follow(wrapping_key_of(found.wrapped))
            new_key = self.keyring.renewed_data_key(found.wrapped, workspace_id)
            old = await store.ciphertexts(tx)
            reach("rewrap.before_ciphertexts")
            await store.replace_ciphertexts(tx, [self._reencrypted(one, found.wrapped, new_key) for one in old])
        reach("rewrap.before_data_key")
        async with self.db.workspace(workspace_id) as tx:
            moved = await store.move(tx, found.generation, new_key)
            reach("rewrap.before_commit")
            return moved

    Rewrapping.move = move  # type: ignore[method-assign]
    # Killed between the two, whatever was drawn: elsewhere it would go unharmed.
    rewrap(replace(order, point="rewrap.before_data_key", after=0.0))


async def test_no_read_fails_and_everything_is_moved(postgres_url: str) -> None:
    part = await measure(_PLAN, postgres_url, _SCALE)
    assert part.problems == ()
    assert (part.figures["rewrapped"], part.figures["rewrap_kills"]) == (_SCALE.credentials, _SCALE.kills)
    assert part.figures["failed_reads"] == part.figures["rewrap_census_old"] == 0
    assert part.figures["reads"]


@pytest.mark.parametrize(
    ("program", "scale", "told"),
    [
        pytest.param(_into_another_slot, _UNHARMED, "credentials do not open", id="another slot"),
        pytest.param(_in_two_transactions, _SCALE, "credentials do not open", id="two transactions"),
        pytest.param(_forgetful, _UNHARMED, "the old key is still needed", id="forgetful"),
    ],
)
async def test_what_is_built_wrongly_is_told(postgres_url: str, program: Program, scale: Scale, told: str) -> None:
    part = await measure(_PLAN, postgres_url, scale, program)
    assert any(told in problem for problem in part.problems), part.problems
    if program is _forgetful:
        assert part.figures["rewrap_census_old"]
    else:
        assert part.figures["failed_reads"]

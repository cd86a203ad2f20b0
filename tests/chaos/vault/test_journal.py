"""The journal under crashes: ours has an entry for each release, and a release that is journalled afterwards is noticed."""

from __future__ import annotations

from chaos.harness import Plan
from chaos.vault.journal import measure
from chaos.vault.journal.blows import Blow
from chaos.vault.journal.callers import Asked, Release, as_in_service, vault_of
from core.ids import parse_uuid
from credential_vault.domain.credentials import Grant, GrantRequest, Provider
from credential_vault.handlers.vault import Denied, Vault
from credential_vault.store import credentials as store
from database import Tx
from integration.credential_vault.letting_go import Place

_PLAN = Plan(seed=5, full=False, tick=lambda _done, _total: None)


class _Forgetful(Vault, frozen=True):
    """Seals without an entry."""

    async def grant(self, tx: Tx, request: GrantRequest) -> Grant | Denied | None:
        """As ours, but for the journal."""
        stored = await store.credential(tx, request.provider)
        return await self._seal(tx, request, stored, self.sealed_to[request.requester]) if stored else None


def _journalled_afterwards(place: Place) -> Release:
    """Released in one transaction, journalled in the next."""
    vault = vault_of(place)
    first = as_in_service(_Forgetful(vault.keyring, vault.sealed_to, vault.clock, vault.grant_lifetime, {}))

    async def release(place: Place, asked: Asked, blow: Blow) -> None:
        await first(place, asked, blow)
        grant_id = parse_uuid(asked.payload.grant_id, "grant_id")
        async with place.db.workspace(asked.workspace_id) as tx:
            if stored := await store.credential(tx, Provider.GONG):
                request = GrantRequest(grant_id, Provider.GONG, "ingest", "run", "run-1")
                await store.journal(tx, request, stored.version)

    return release


async def test_each_release_has_its_entry(postgres_url: str) -> None:
    part = await measure(_PLAN, postgres_url, 400)
    assert part.problems == ()
    assert part.figures["released_unjournalled"] == part.figures["journalled_unreleased"] == 0
    grants = part.figures["grants"]
    assert isinstance(grants, int)
    assert grants > 200


async def test_a_release_that_is_journalled_afterwards_is_noticed(postgres_url: str) -> None:
    part = await measure(_PLAN, postgres_url, 200, _journalled_afterwards)
    assert part.figures["released_unjournalled"]
    assert any("released without an entry" in problem for problem in part.problems)

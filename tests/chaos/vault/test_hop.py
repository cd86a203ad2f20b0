"""The hop on real parts: every grant comes and opens, and what is not as it should be is told instead of waited for."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from chaos.harness import Plan
from chaos.vault.hop import COSTS, measured_on
from chaos.vault.hop.stage import VAULT, Stage, staged
from contracts.sealing import SealingKey

_PLAN = Plan(seed=5, full=False, tick=lambda _done, _total: None)

# How long a grant takes is not what is tested here.
_ANY_MS = 60_000.0

# The vault, but that it has KMS unwrap the keyset for every grant.
_ASKS_KMS = """
from credential_vault.cli import app
from credential_vault.encryption.keyring import Keyring

ours = Keyring.data_key_if_any

async def data_key_if_any(self, tx):
    self._use(await self._source.read())
    return await ours(self, tx)

Keyring.data_key_if_any = data_key_if_any
app(["serve"], prog_name="credential-vault")
"""


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with staged() as running:
        yield running


async def test_every_grant_comes_and_costs_a_message_each_way(stage: Stage) -> None:
    part = await measured_on(stage, _PLAN, 10, limit_ms=_ANY_MS)
    assert part.problems == ()
    assert part.figures["hop_grants"] == 10
    assert {name: part.figures[name] for name in COSTS} == COSTS
    times = [part.figures[f"grant_ms_p{one}"] for one in (50, 95, 99)]
    assert times == sorted(times)  # type: ignore[type-var]
    assert part.figures["hop_burst_per_second"]


async def test_a_slow_median_is_told(stage: Stage) -> None:
    part = await measured_on(stage, _PLAN, 1, limit_ms=0.001)
    assert [problem for problem in part.problems if "the median grant took" in problem]


async def test_a_vault_that_asks_kms_for_a_grant_and_seals_to_another_is_noticed(stage: Stage) -> None:
    vault = stage.stack.processes[VAULT]
    await vault.stop()
    vault.command = [sys.executable, "-c", _ASKS_KMS]
    other = {"CALLMINE_INGEST_SEALING_PUBLIC_KEY": SealingKey.generate().public_text()}
    vault.environment = {**vault.environment, **other}
    await stage.stack.restart(VAULT)
    part = await measured_on(stage, _PLAN, 4, limit_ms=_ANY_MS)
    assert part.figures["hop_grants"] == 0
    assert [problem for problem in part.problems if "does not open" in problem]
    for name in ("kms_calls_per_grant", "secret_reads_per_grant"):
        assert [problem for problem in part.problems if name in problem]


async def test_a_grant_that_never_comes_is_not_waited_for(stage: Stage) -> None:
    await stage.stack.processes[VAULT].kill()
    part = await measured_on(stage, _PLAN, 1_000, patience=0.2)
    assert part.figures["hop_grants"] == 0
    assert [problem for problem in part.problems if "no answer within" in problem]

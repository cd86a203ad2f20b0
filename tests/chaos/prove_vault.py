"""The vault: no credential is lost, swapped, spent twice or silently read.

Parts, each of which can fail on its own:

- renewal under every crash and stall (chaos.vault.renewal);
- ciphertexts put into other places (chaos.vault.transplants);
- speed beside Tink's own (chaos.vault.speed);
- no credential released without its entry in the journal, whoever crashes where (chaos.vault.journal);
- rotation and rewrapping while the vault is read, whoever is killed at whichever row (chaos.vault.rewrap);
- what a grant costs, and how long it takes, over the bus (chaos.vault.hop);
- no credential anywhere but where it has to be (chaos.vault.canary).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chaos.harness import Figure, Plan, Verdict
from chaos.server import postgres
from chaos.vault import canary, hop, journal, renewal, rewrap, speed, transplants
from isolation import Part

Measure = Callable[[Plan, str], Awaitable[Part]]

PARTS: tuple[Measure, ...] = (
    renewal.measure,
    transplants.measure,
    speed.measure,
    journal.measure,
    rewrap.measure,
    hop.measure,
    canary.measure,
)


async def prove(plan: Plan) -> Verdict:
    """Measure all parts, one after the other."""
    figures: dict[str, Figure] = {}
    problems: list[str] = []
    with postgres() as admin_url:
        for measure in PARTS:
            part = await measure(plan, admin_url)
            figures.update(part.figures)
            problems.extend(part.problems)
    return Verdict(figures, tuple(problems))

"""Rotation and rewrapping while the vault is read, all the time, at a steady pace: no read fails, whoever is killed at whichever row.

On a real PostgreSQL and a Secret Manager over TLS. Two instances of the vault, each a process of its own, grant credentials, and people
connect again and anew; the keyset is rotated, and `credential-vault keys rewrap` runs in further processes that are killed with SIGKILL at
random rows, one after the other and several at once, until one comes to its end. Then the old key is disabled and destroyed, and everything
is opened without it.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from chaos.harness import Figure, Plan
from chaos.vault.rewrap.bench import Bench, bench_in
from chaos.vault.rewrap.book import Book
from chaos.vault.rewrap.filling import fill
from chaos.vault.rewrap.instances import read_all_the_time
from chaos.vault.rewrap.runs import Order, Program, Runs, prepare, rewrap
from chaos.vault.rewrap.scan import Scan
from chaos.vault.rewrap.traffic import Tally, highest
from core.errors import CallmineError
from credential_vault.encryption.census import Uses, census
from credential_vault.encryption.rotation import Rotation
from isolation import Part


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done. Fewer reads than `least_rate` a second are a problem: then the pace was not the one that is proven for.

    It is set a little higher, so that the beginning and the end do not count against it.
    """

    credentials: int
    kills: int
    reads_per_second: float = 520.0
    least_rate: float = 500.0


QUICK, FULL = Scale(10_000, 12), Scale(100_000, 40)

# How long the vault is read before the rotation, and after the old key is gone (seconds).
_MARGIN: Final = 1.0


@dataclass(slots=True)
class _Proof:
    """What happened to one vault."""

    bench: Bench
    plan: Plan
    scale: Scale
    program: Program
    prepared: asyncio.Task[None]

    async def measure(self) -> Part:
        """From the filling to the last look."""
        book = Book(self.plan.seed)
        draw = random.Random(f"rewrap {self.plan.seed}")
        keyring = await self.bench.keyring()
        runs = Runs(self.program, self._order(), draw, self.scale.kills)
        filled = await fill(self.bench.admin, keyring, book, self.scale.credentials, self.plan.tick)
        await self.prepared
        runs.data_keys = len(filled.data_keys)
        async with read_all_the_time(self.bench.environment, book, self.scale.reads_per_second) as tally:
            await asyncio.sleep(_MARGIN)
            await Rotation(self.bench.db, self.bench.secret).rotate()
            await runs.run(self.plan.tick)
            left, retired = await self._retire(filled.wrapping_key)
            await asyncio.sleep(_MARGIN)
        scan = Scan(await self.bench.keyring(), book, filled)
        await scan.run(self.bench.admin)
        return self._part(runs, tally, scan, left, retired)

    def _order(self) -> Order:
        return Order(self.bench.environment, self.bench.folder / "rewrapped")

    async def _retire(self, old: int) -> tuple[Uses, str]:
        """What still needs the old key, and why it could not be taken out of the keyset; empty when it was."""
        uses = (await census(self.bench.db, [old]))[old]
        rotation = Rotation(self.bench.db, self.bench.secret, quiet_seconds=0)
        try:
            await rotation.disable(old)
            await rotation.destroy(old)
        except CallmineError as error:
            return uses, f"the old key could not be retired: {error}"
        return uses, ""

    def _part(self, runs: Runs, tally: Tally, scan: Scan, left: Uses, retired: str) -> Part:
        failed, rate = tally.failed.total(), tally.reads / tally.seconds
        figures: dict[str, Figure] = {
            "rewrapped": scan.moved,
            "rewrapped_fields": scan.fields,
            "rewrap_census_old": left.data_keys + left.fields + left.parked + left.backups,
            "rewrap_kills": runs.ends["killed"],
            "reads": tally.reads,
            "failed_reads": failed,
            "reads_retried": tally.retried,
            "reads_per_second": rate,
            "read_ms_p50": highest(tally.late, 0.5),
            "read_ms_p99": highest(tally.late, 0.99),
            "rewrap_connected": {"while it ran": dict(tally.connected)},
        }
        told = [f"{number} reads failed: {what}" for what, number in sorted(tally.failed.items())]
        told += [f"{number} times nobody could connect: {what}" for what, number in sorted(tally.unconnected.items())]
        told += [f"{number} {what}" for what, number in sorted(scan.wrong.items()) if number]
        told += runs.problems + [retired] * bool(retired)
        if not left.none:
            told.append(f"the old key is still needed: {left.data_keys} data keys with {left.fields} fields")
        if scan.moved != self.scale.credentials:
            told.append(f"{scan.moved} of {self.scale.credentials} credentials were moved and read as before")
        if rate < self.scale.least_rate:
            told.append(f"only {rate:.0f} reads a second, where {self.scale.least_rate:.0f} are proven for")
        return Part(figures, tuple(f"rewrap, seed {self.plan.seed}: {one}" for one in told))


async def measure(plan: Plan, admin_url: str, scale: Scale | None = None, program: Program = rewrap) -> Part:
    """Measure as much as `scale` says (otherwise QUICK, or FULL for a full plan); `program` may rewrap in another way."""
    # Before there are any connections, for that is when a process is forked best.
    prepared = asyncio.create_task(asyncio.to_thread(prepare))
    try:
        async with bench_in(admin_url) as bench:
            return await _Proof(bench, plan, scale or (FULL if plan.full else QUICK), program, prepared).measure()
    finally:
        await prepared


__all__ = ["FULL", "QUICK", "Scale", "measure"]

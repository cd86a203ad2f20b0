"""The store in memory and the one on PostgreSQL are given the same random operations at the same times, and have to agree on everything.

Time is moved by tens of seconds, limits end five seconds off: what PostgreSQL takes decides nothing, on a busy machine either.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from random import Random

from chaos.vault.renewal.postgres import GONG, Bench
from chaos.vault.renewal.table import CREDENTIAL, DATA_KEY, Content, PlainCipher, Row, Rules, text_of
from credential_vault.domain.credentials import Provider, Slot, State
from credential_vault.domain.oauth import Outcome
from credential_vault.domain.renewals import Attempt, Claimed, Ending, Reply, Timing

TIMING = Timing(lease=245, watch_every=25, watch_gap=65, settle_after=605, ask_again=125)
OPERATIONS = 40

_STEPS = (10, 20, 30, 30, 70, 130, 250, 610)

# What PostgreSQL may take for one operation (seconds): a limit is as far from any moment that is drawn.
_SLACK = 5.0


@dataclass(slots=True)
class Pair:
    """Both stores, and what both have handed over so far."""

    bench: Bench
    rng: Random
    rules: Rules
    content: Content = field(default_factory=lambda: Content(Row(0, State.NEW, refresh_at=None)))
    now: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    claims: list[tuple[Claimed, Claimed]] = field(default_factory=list)
    superseded: int = 0
    tokens: int = 0
    began: float = field(default_factory=time.monotonic)
    moved: float = 0.0

    async def step(self) -> str:
        """One operation on both; what they disagree about, empty if nothing."""
        act = self.rng.choices(
            (self._claim, self._save, self._end, self._advance, self._watch, self._connect, self._disconnect),
            (5, 3, 4, 6, 1, 0.4, 0.2),
        )[0]
        said = await act()
        return said or await self._difference()

    async def begin(self) -> None:
        """A credential that is due in a while."""
        await self._connect()

    async def _claim(self) -> str:
        attempt = self.rng.choice(self.attempts) if self.attempts and self.rng.random() < 0.05 else self._new_attempt()
        if attempt.id in self.content.journal:
            return ""
        tells = self.rng.random() < 0.5
        mine = self.rules.claim(self.content, attempt, tells, self.now)
        real = await self.bench.store(timing=TIMING).claim(attempt, tells)
        if (mine is None) != (real is None):
            return f"claim gave {mine} and {real}"
        if mine is not None and real is not None:
            self.claims.append((mine, real))
            found = [(one.attempt.id, one.version, one.tries, one.asks, one.ripe) for one in (mine, real)]
            return "" if found[0] == found[1] else f"claim gave {found}"
        return ""

    async def _save(self) -> str:
        if not self.claims:
            return ""
        mine, real = self.rng.choice(self.claims)
        self.tokens += 1
        lives = self.rng.choice((None, 1805))
        renew_in = None if lives is None else 1445.0
        told = self.rng.random() < 0.8
        before = len(self.content.let_go)
        one = self.rules.save(self.content, mine, self._reply(mine, lives, renew_in), told, self.now)
        self.superseded += len(self.content.let_go) - before
        other = await self.bench.store(timing=TIMING).save(real, await self._real_reply(real, lives, renew_in), told)
        return "" if one is other else f"save gave {one} and {other}"

    async def _end(self) -> str:
        if not self.attempts:
            return ""
        attempt = self.rng.choice(self.attempts[-4:])
        outcome = self.rng.choice(
            (Outcome.NOT_SPENT, Outcome.NOT_SPENT, Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.REFUSED)
        )
        ending = Ending(outcome, self.rng.choice((5.0, 15.0, 105.0)), "it was refused")
        told = self.rng.random() < 0.8
        one = self.rules.end(self.content, attempt, ending, told, self.now)
        other = await self.bench.store(timing=TIMING).end(attempt, ending, told)
        return "" if one is other else f"end gave {one} and {other}"

    async def _advance(self) -> str:
        await self._pass(self.rng.choice(_STEPS))
        return ""

    async def _pass(self, seconds: float) -> None:
        """Time for both; what PostgreSQL has used up by itself is taken off."""
        self.now += seconds
        used = time.monotonic() - self.began
        await self.bench.advance(self.now - used - self.moved)
        self.moved = self.now - used

    async def _watch(self) -> str:
        """What the worker does about an attempt without an end: looks, every so often; the gaps are now and then too long."""
        said = ""
        for _ in range(self.rng.choice((5, 21, 24))):
            await self._pass(70 if self.rng.random() < 0.02 else 30)
            said = said or await self._claim()
        return said

    async def _connect(self) -> str:
        self.tokens += 1
        let_go = self.content.let_go
        self.rules.connect(self.content, f"token {self.tokens}", "access", 1805.0, self.now)
        self.content.let_go = let_go
        assert self.content.row.refresh_at is not None
        self.content.row.refresh_at = self.now + 35
        await self.bench.connect(f"token {self.tokens}", 1805.0, 35.0)
        return ""

    async def _disconnect(self) -> str:
        let_go = self.content.let_go
        self.rules.disconnect(self.content)
        self.content.let_go = let_go
        await self.bench.disconnect()
        return ""

    def _new_attempt(self) -> Attempt:
        self.attempts.append(Attempt(uuid.UUID(int=self.rng.getrandbits(128)), self.bench.workspace, GONG))
        return self.attempts[-1]

    def _reply(self, claimed: Claimed, lives: float | None, renew_in: float | None) -> Reply:
        slot = Slot(claimed.attempt.workspace_id, Provider.GONG, CREDENTIAL, claimed.version + 1, "refresh_token")
        sealed = PlainCipher().encrypt(DATA_KEY, slot, f"token {self.tokens}")
        return Reply(DATA_KEY, sealed, sealed, lives, renew_in)

    async def _real_reply(self, claimed: Claimed, lives: float | None, renew_in: float | None) -> Reply:
        token, version = f"token {self.tokens}", claimed.version + 1
        return Reply(
            claimed.data_key,
            await self.bench.sealed("access_token", version, token),
            await self.bench.sealed("refresh_token", version, token),
            lives,
            renew_in,
        )

    async def _difference(self) -> str:
        mine, real = self._state(), await self._real_state()
        for name, value in mine.items():
            if not _same(value, real[name]):
                return f"{name} is {value} in memory and {real[name]} on PostgreSQL"
        return ""

    def _state(self) -> dict[str, object]:
        row = self.content.row
        return {
            "row": [row.version, row.state.value, row.fence, row.reason],
            "token": text_of(row.refresh_token) if row.refresh_token else None,
            "times": [
                None if at is None else at - self.now for at in (row.expires_at, row.refresh_at, row.leased_until)
            ],
            "journal": [
                (
                    str(key),
                    entry.version,
                    entry.fence,
                    entry.outcome.value,
                    *(
                        None if at is None else at - self.now
                        for at in (
                            entry.started_at,
                            entry.ended_at,
                            entry.watched_from,
                            entry.watched_at,
                            entry.asked_at,
                        )
                    ),
                )
                for key, entry in sorted(self.content.journal.items(), key=lambda item: item[0].int)
            ],
            "let go": self.superseded,
            "used": self.content.used,
            "told": list(self.content.told),
        }

    async def _real_state(self) -> dict[str, object]:
        admin, workspace = self.bench.admin, self.bench.workspace
        row = await admin.fetchrow(
            "SELECT version, state, fence, reason, extract(epoch FROM expires_at - clock_timestamp())::float8 AS expires,"
            " extract(epoch FROM refresh_at - clock_timestamp())::float8 AS refresh,"
            " extract(epoch FROM leased_until - clock_timestamp())::float8 AS leased FROM credentials WHERE workspace_id = $1",
            workspace,
        )
        assert row is not None
        times = ", ".join(
            f"extract(epoch FROM {name} - clock_timestamp())::float8"
            for name in ("started_at", "ended_at", "watched_from", "watched_at", "asked_at")
        )
        journal = await admin.fetch(
            f"SELECT id::text, version, fence, outcome, {times} FROM renewals WHERE workspace_id = $1 ORDER BY id",
            workspace,
        )
        return {
            "row": [row["version"], row["state"], row["fence"], row["reason"]],
            "token": await self.bench.refresh_token(),
            "times": [row["expires"], row["refresh"], row["leased"]],
            "journal": [tuple(one.values()) for one in journal],
            "let go": await admin.fetchval("SELECT count(*) FROM revocations WHERE workspace_id = $1", workspace),
            "used": await admin.fetchval("SELECT count(*) FROM access_journal WHERE workspace_id = $1", workspace),
            "told": self.bench.told.lines,
        }


def _same(one: object, other: object) -> bool:
    """Equal, times to within the seconds that nothing depends on."""
    if isinstance(one, float | int) and isinstance(other, float):
        return abs(one - other) < _SLACK
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


async def disagreements(bench: Bench, seed: int, rules: Rules | None = None) -> list[str]:
    """Run one sequence on both; what they disagree about first, if anything."""
    pair = Pair(bench, Random(seed), rules or Rules(TIMING))
    await pair.begin()
    for number in range(OPERATIONS):
        said = await pair.step()
        if said:
            return [f"renewal, conformance {seed}, operation {number}: {said}"]
    return []

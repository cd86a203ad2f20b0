"""What renewal is tried with on a real database: a provider that follows a script, and a clock that waits for nobody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from chaos.vault.renewal.postgres import GONG, Bench
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.domain.renewals import Timing
from credential_vault.handlers.renewing import Renewing
from credential_vault.providers.port import Guard
from database import Database
from testkit.clock import SimulatedClock


class Passing(SimulatedClock):
    """Time that passes as soon as somebody waits for it."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        await self.advance(seconds)


@dataclass(slots=True)
class Scripted:
    """Hands out numbered tokens; `ends` are raised instead, one for each call. `late` passes before a request is written."""

    provider: Provider = GONG
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    ends: list[Exception] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    active: bool | None = None
    reply: Tokens | None = None
    clock: SimulatedClock | None = None
    late: float = 0.0

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        if self.clock is not None:
            await self.clock.advance(self.late)
        guard()
        self.calls.append(refresh_token)
        await asyncio.sleep(0.005)
        if self.ends:
            raise self.ends.pop(0)
        number = len(self.calls)
        return self.reply or Tokens(f"access-{number}", f"refresh-{number}", 1800)

    async def is_active(self, refresh_token: str) -> bool | None:
        self.asked.append(refresh_token)
        return self.active

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        raise AssertionError("nothing is revoked here")

    async def verify(self, access_token: str, base_url: str) -> Account:
        raise AssertionError("nothing is verified here")

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        raise AssertionError("nobody is sent to agree here")

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        raise AssertionError("nothing is exchanged here")


def renewing(bench: Bench, server: Scripted, db: Database | None = None, tells: bool = False) -> Renewing:
    """A process's use case."""
    tell = frozenset({GONG}) if tells else frozenset[Provider]()
    return Renewing(bench.store(db), {GONG: server}, bench.keyring, Passing(), tell=tell)


async def watch(bench: Bench, server: Scripted, seconds: float = Timing().settle_after, tells: bool = False) -> None:
    """Let the worker look at an attempt without an end for so long, as often as it does."""
    for _ in range(int(seconds / 30)):
        await bench.advance(30)
        await renewing(bench, server, tells=tells).renew(bench.workspace, GONG)

"""A provider with single-use refresh tokens, where using one twice ends the whole family, and a network that loses things."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.vault.renewal.engine import Engine, Process, pause
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.handlers.renewing import CALL_SECONDS
from credential_vault.providers.port import NotSpent, Refused, Unknown

LIFETIME = 1800.0


@dataclass(slots=True)
class Rotation:
    """A refresh token that was spent for another. `holder` is the process that received the reply, None while nobody has."""

    spent: str
    given: str
    family: int
    holder: Process | None = None
    kept: bool = False
    """Saved, or handed to revocation: somebody answers for the new token."""


@dataclass(slots=True)
class Call:
    """A token call that arrived. `did` is what the provider did: rotated, refused, or nothing."""

    token: str
    at: float
    did: str
    again: bool = False
    """The token had been spent before."""


@dataclass(slots=True)
class Server:
    """The provider's side of all families of tokens."""

    ended: set[int] = field(default_factory=set)
    rotations: dict[str, Rotation] = field(default_factory=dict)
    family_of: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new_family(self) -> str:
        """The first refresh token of a newly connected account."""
        number = next(self._numbers)
        return self._issue(number)

    def spend(self, token: str, at: float) -> Rotation | None:
        """Rotate the token; None when it is refused."""
        family = self.family_of[token]
        again = token in self.rotations
        if again:
            self.ended.add(family)
        if family in self.ended:
            self.calls.append(Call(token, at, "refused", again))
            return None
        self.calls.append(Call(token, at, "rotated"))
        made = self.rotations[token] = Rotation(token, self._issue(family), family)
        return made

    def _issue(self, family: int) -> str:
        token = f"refresh-{family}-{next(self._numbers)}"
        self.family_of[token] = family
        return token


@dataclass(frozen=True, slots=True)
class Trouble:
    """How likely each kind of trouble is for one call."""

    nothing_done: float = 0.02
    lost_request: float = 0.02
    error_before: float = 0.02
    error_after: float = 0.01
    lost_reply: float = 0.01
    slow: float = 0.05


@dataclass(slots=True)
class Line:
    """One process's line to the provider: what the vault takes for an OAuthProvider."""

    engine: Engine
    server: Server
    process: Process
    trouble: Trouble
    provider: Provider = Provider.GONG
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    tells: bool = False

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        """Nobody connects by hand here."""
        raise NotImplementedError

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Nobody connects by hand here."""
        raise NotImplementedError

    async def verify(self, access_token: str, base_url: str) -> Account:
        """Nobody asks here."""
        raise NotImplementedError

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        """Nobody asks here."""
        raise NotImplementedError

    async def is_active(self, refresh_token: str) -> bool | None:
        """As introspection answers, where the provider has it."""
        await pause(self.engine.rng.uniform(0.05, 0.5))
        if not self.tells:
            return None
        return refresh_token not in self.server.rotations and (
            self.server.family_of[refresh_token] not in self.server.ended
        )

    async def refresh(self, refresh_token: str, base_url: str, guard: Callable[[], None]) -> Tokens:
        """One call: connect, send, and wait for the reply."""
        rng = self.engine.rng
        await pause(rng.uniform(0.01, 0.3))
        guard()
        kind = self._kind()
        if kind == "lost_request":
            await pause(rng.uniform(0.1, CALL_SECONDS))
            raise Unknown("the connection broke")
        arrives = rng.uniform(0.02, 0.5) if kind != "slow" else rng.uniform(1, CALL_SECONDS * 1.2)
        box: list[Rotation | None] = []
        self.engine.at(self.engine.now + arrives, lambda: self._arrive(refresh_token, kind, box))
        replies = arrives + rng.uniform(0.02, 0.5)
        begun = self.engine.now
        await pause(min(replies, CALL_SECONDS))
        if replies > CALL_SECONDS or self.engine.now - begun > CALL_SECONDS + 1 or kind == "lost_reply":
            raise Unknown("no answer within the time-out")
        return self._reply(kind, box)

    def _kind(self) -> str:
        chance = self.engine.rng.random()
        for name in ("nothing_done", "lost_request", "error_before", "error_after", "lost_reply", "slow"):
            chance -= getattr(self.trouble, name)
            if chance < 0 and self.engine.now < self.engine.quiet_from:
                return name
        return ""

    def _arrive(self, token: str, kind: str, box: list[Rotation | None]) -> None:
        if kind in ("nothing_done", "error_before"):
            did = "nothing" if kind == "nothing_done" else "error"
            self.server.calls.append(Call(token, self.engine.now, did))
        else:
            box.append(self.server.spend(token, self.engine.now))

    def _reply(self, kind: str, box: list[Rotation | None]) -> Tokens:
        if kind == "nothing_done":
            raise NotSpent("429")
        if kind in ("error_before", "error_after"):
            raise Unknown("it answered 502")
        made = box[0]
        if made is None:
            raise Refused("invalid_grant")
        made.holder = self.process
        return Tokens("access", made.given, int(LIFETIME))

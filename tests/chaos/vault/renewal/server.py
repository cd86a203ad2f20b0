"""A provider whose refresh tokens are good for one use, and who ends the whole family of tokens when one is used twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chaos.vault.renewal.engine import Engine, Pause, Process, Task, Wait
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Tokens
from credential_vault.domain.renewals import CALL_SECONDS
from credential_vault.providers.port import Guard, NotSpent, Refused, Unknown

LIFETIME = 1800

Trouble: TypeAlias = Literal[
    "",
    "no connection",
    "turned away",
    "lost request",
    "late request",
    "error before",
    "error after",
    "garbled",
    "lost reply",
    "late reply",
]
TROUBLES: tuple[Trouble, ...] = (
    "no connection",
    "turned away",
    "lost request",
    "late request",
    "error before",
    "error after",
    "garbled",
    "lost reply",
    "late reply",
)

# Those whose answer is one of the protocol's, and comes in time.
DELIVERED: tuple[Trouble, ...] = ("", "turned away")

# A request may be on its way, or in the provider's hands, for so long after it was written.
_LATEST = 100.0


@dataclass(slots=True, eq=False)
class Call:
    """A token call that has arrived. `answer` is what it came to; `heard` that a process got an answer that tells and lived to write it."""

    token: str
    at: float
    task: Task
    trouble: Trouble
    answer: Literal["", "rotated", "refused", "again", "turned away", "failed"] = ""
    delivered: bool = False

    @property
    def heard(self) -> bool:
        """Whether a process got an answer that tells, and lived to the end of its attempt."""
        return self.delivered and self.task.finished and self.answer != "failed"


@dataclass(slots=True, eq=False)
class Rotation:
    """A token that was spent for another one. `receiver` is who got the reply."""

    spent: str
    given: str
    family: int
    receiver: Task | None = None


@dataclass(slots=True)
class Server:
    """What the provider knows."""

    engine: Engine
    tells: bool
    ends_families: bool
    calls: list[Call] = field(default_factory=list)
    rotations: dict[str, Rotation] = field(default_factory=dict)
    family_of: dict[str, int] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    confirmed: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def connect(self) -> str:
        """A person agrees: the first refresh token of a new family."""
        family = len(set(self.family_of.values())) + 1
        return self._token(family)

    def accepts(self, token: str) -> bool:
        """Whether the token can still be used."""
        return token not in self.rotations and self.family_of[token] not in self.ended

    def uninstall(self) -> None:
        """A person ends all access at the provider."""
        for family in set(self.family_of.values()):
            self.ended.setdefault(family, "uninstalled")

    def carry_out(self, call: Call) -> str:
        """The token that is given for the call's, empty when it is refused."""
        self.calls.append(call)
        call.at = self.engine.now
        if call.trouble in ("turned away", "error before"):
            call.answer = "turned away" if call.trouble == "turned away" else "failed"
            return ""
        family = self.family_of[call.token]
        if call.token in self.rotations:
            call.answer = "again"
            if self.ends_families:
                self.ended.setdefault(family, f"{call.token} was used again")
            return ""
        if family in self.ended:
            call.answer = "refused"
            return ""
        call.answer = "rotated"
        given = self._token(family)
        self.rotations[call.token] = Rotation(call.token, given, family)
        return given

    def _token(self, family: int) -> str:
        token = f"refresh-{len(self.family_of)}"
        self.family_of[token] = family
        return token


@dataclass(slots=True)
class Line:
    """A process's line to the provider; implements RefreshingProvider. `trouble` is how likely a call meets some."""

    engine: Engine
    server: Server
    process: Process
    trouble: float
    provider: Provider = Provider.GONG

    async def is_active(self, refresh_token: str) -> bool | None:
        """Introspection, where the provider has it; now and then it does not answer."""
        rng = self.engine.rng
        await Pause("ask.send", rng.uniform(0.01, 0.2))
        if self._has_trouble():
            raise Unknown("no answer")
        active = self.server.accepts(refresh_token)
        await Pause("ask.reply", rng.uniform(0.01, 0.2))
        if not self.server.tells:
            return None
        if active:
            self.server.confirmed[refresh_token].append(self.engine.now)
        return active

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        """Connect, look at the clock, write, wait for the reply. The process may be stopped between looking and writing as well."""
        rng, engine = self.engine.rng, self.engine
        trouble = rng.choice(TROUBLES) if self._has_trouble() else ""
        await Pause("call.connect", rng.uniform(0.01, 0.3))
        if trouble == "no connection":
            raise NotSpent("no connection")
        guard()
        await Pause("call.write", 0.001)
        running = engine.running
        assert running is not None
        call = Call(refresh_token, 0.0, running, trouble)
        reply = Wait("call.reply", engine, engine.now + CALL_SECONDS)
        if trouble != "lost request":
            late = rng.uniform(CALL_SECONDS / 2, _LATEST) if trouble == "late request" else rng.uniform(0.01, 0.5)
            engine.at(engine.now + late, lambda: self._arrives(call, reply))
        return self._read(call, await reply)

    def _arrives(self, call: Call, reply: Wait) -> None:
        given = self.server.carry_out(call)
        rng, engine = self.engine.rng, self.engine
        if call.trouble == "lost reply":
            return
        late = (
            rng.uniform(CALL_SECONDS / 2, 2 * CALL_SECONDS) if call.trouble == "late reply" else rng.uniform(0.01, 0.5)
        )
        engine.at(engine.now + late, lambda: reply.bring((given,)))

    def _read(self, call: Call, reply: object) -> Tokens:
        """What the reply says, as the provider's adapter tells it."""
        if not isinstance(reply, tuple):
            raise Unknown("no answer within the time-out")
        if call.trouble in ("error before", "error after", "garbled"):
            raise Unknown("the answer was none of the protocol's")
        call.delivered = True
        if call.answer == "turned away":
            raise NotSpent("429")
        if call.answer in ("again", "refused"):
            raise Refused("invalid_grant")
        self.server.rotations[call.token].receiver = call.task
        return Tokens(f"access for {reply[0]}", str(reply[0]), LIFETIME)

    def _has_trouble(self) -> bool:
        inside = self.engine.faults_from <= self.engine.now < self.engine.faults_until
        return inside and self.engine.rng.random() < self.trouble


__all__ = ["DELIVERED", "LIFETIME", "TROUBLES", "Call", "Line", "Rotation", "Server"]

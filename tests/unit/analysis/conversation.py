"""A conversation with providers that follow a script, by a clock that tests set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from analysis.domain.request import RunId
from analysis.models.asking import About, Asker, Conversation, Patience
from analysis.models.offer import Offer, read_offer
from analysis.models.port import ModelError, Prompt, Reply
from analysis.models.tokens import Tokens
from core.ids import WorkspaceId, uuid7

ACME = WorkspaceId("org_acme")
PLAN = ("openai/small", "openai/large", "anthropic/small", "anthropic/large")
SENT = 100


class Time:
    """A clock that goes on only when somebody sleeps, or a test says so."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._at = 1_000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 2, tzinfo=UTC) + timedelta(seconds=self._at)

    def monotonic(self) -> float:
        return self._at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._at += seconds

    def pass_by(self, seconds: float) -> None:
        self._at += seconds


Act = str | ModelError


@dataclass(slots=True)
class Scripted:
    """Answers by its script, the last act again and again; notes how much room each request had."""

    script: Iterator[Act]
    rooms: list[int] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    tokens: Tokens = field(default_factory=lambda: Tokens(input=40, output=10))
    size: int = SENT

    async def answer(self, prompt: Prompt, most_output_tokens: int) -> Reply:
        self.rooms.append(most_output_tokens)
        self.prompts.append(prompt)
        act = next(self.script)
        if isinstance(act, ModelError):
            act.sent = self.size
            raise act
        return Reply(act, self.tokens, SENT)


def acts(*script: Act) -> Iterator[Act]:
    """The acts in order, then the last one for good."""
    yield from script
    while True:
        yield script[-1]


@dataclass(slots=True)
class Stage:
    """One process's asker over scripted models of both providers."""

    openai: Scripted
    anthropic: Scripted
    patience: Patience = field(default_factory=Patience)
    offer: Offer = field(default_factory=read_offer)
    time: Time = field(default_factory=Time)
    asker: Asker = field(init=False)

    def __post_init__(self) -> None:
        models = {card.id: self.openai if card.provider == "openai" else self.anthropic for card in self.offer}
        self.asker = Asker(self.offer, models, self.time, self.patience, Random(1))

    def talk(
        self, run_id: RunId | None = None, *, again: bool = False, stand_ins: Sequence[str] = (), model: str = PLAN[0]
    ) -> Conversation:
        about = About(ACME, run_id or RunId(uuid7()), "call_1", again)
        return self.asker.about(about, model, stand_ins)


def stage(
    *openai: Act, anthropic: Sequence[Act] = ("from anthropic",), patience: Patience | None = None, sent: int = SENT
) -> Stage:
    """A stage on which OpenAI acts so, and Anthropic answers; `sent` is the size of what leaves for OpenAI."""
    return Stage(Scripted(acts(*openai), size=sent), Scripted(acts(*anthropic)), patience or Patience())

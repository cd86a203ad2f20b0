"""Asks a question of a run: which model, how often, when another one, and what was sent.

    talk = asker.about(About(workspace_id, run_id, call_id), question.model, allowed)
    answer = await talk.answer(prompt, lambda text: read_call_answer(text, mask))
    ...                                      # in the transaction that stores what came of it
    await model_requests.insert(tx, talk.take_requests())

A request that meets trouble is repeated here a few times after short waits, and later by the queue of calls after longer ones, each time
within the run's budget for that provider. Where the budget is used up or the provider's circuit is open, the provider counts as away; then
a model of the other provider is asked, if the workspace allows that and its plan has one. An answer that was cut short is asked for once
more with more room.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from analysis.domain.request import RunId
from analysis.models.limits import Circuit, Pass, RetryBudget, RetryBudgets
from analysis.models.offer import PROVIDERS, ModelCard, Offer
from analysis.models.port import (
    AccountRefused,
    BadAnswer,
    CutShort,
    ModelError,
    Outcome,
    Prompt,
    ProviderAway,
    ProviderModel,
    ProviderTrouble,
)
from analysis.models.tokens import Tokens
from core.clock import Clock, SystemClock
from core.ids import WorkspaceId
from telemetry import Kind, span

A = TypeVar("A")

# How much more room a cut-off answer gets: models that think first need it when they thought too long, not a little more text.
_MORE_ROOM = 4

# A provider may ask for hours; as with the queue's own waits, ten minutes is the longest that nobody looks whether it is back.
_LONGEST_HOLD = 600.0


class Patience(Struct, frozen=True):
    """How a request is repeated in place: at most `retries` times, each after a wait of at most `longest` seconds with full jitter."""

    retries: int = 2
    base: float = 0.5
    longest: float = 5.0

    def wait(self, retry: int, source: random.Random) -> float:
        """Seconds before retry number `retry` (from 1)."""
        return source.uniform(0, min(self.longest, self.base * 2.0**retry))


class About(Struct, frozen=True):
    """What is asked about. `call_id` is empty for a run's summary; `again` where the queue brings it after trouble with the provider."""

    workspace_id: WorkspaceId
    run_id: RunId
    call_id: str = ""
    again: bool = False


@dataclass(slots=True)
class ModelRequest:
    """One request that went out: kinds of data and sizes, never content. `cost` in micro-dollars, `took` in milliseconds."""

    about: About
    prompt: Prompt = field(repr=False)
    card: ModelCard = field(repr=False)
    started_at: datetime
    sent: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    outcome: Outcome = Outcome.ANSWERED
    status: int = 200
    took: int = 0

    @property
    def cost(self) -> int:
        """Micro-dollars, by the price list of the day."""
        return self.tokens.cost(self.card.prices)

    def failed(self, error: ModelError) -> None:
        """It came to nothing, which may have cost tokens."""
        self.sent, self.tokens = error.sent, error.tokens
        self.outcome, self.status = error.outcome, error.status_code


Answered = tuple[str, ModelRequest]

Place = Callable[[], AbstractAsyncContextManager[None]]


class Asker:
    """Everything that questions of all runs share."""

    def __init__(
        self,
        offer: Offer,
        models: Mapping[str, ProviderModel],
        clock: Clock | None = None,
        patience: Patience | None = None,
        source: random.Random | None = None,
    ) -> None:
        self.offer = offer
        self.models = models
        self.clock = clock or SystemClock()
        self.patience = patience or Patience()
        self.source = source or random.SystemRandom()
        self.budgets = RetryBudgets(self.clock)
        self._circuits = {provider: Circuit(provider, self.clock) for provider in PROVIDERS}
        self._holds: dict[str, float] = {}

    def about(
        self, about: About, model: str, stand_ins: Sequence[str] = (), place: Place = nullcontext
    ) -> Conversation:
        """A conversation with `model`, or with one of `stand_ins` while its provider is away.

        `stand_ins` are the plan's models where the workspace lets another provider stand in, and none otherwise. Each request holds a
        `place` while it is on its way, and none while it waits to be repeated.
        """
        card = self.offer.get(model)
        if card is None or model not in self.models:
            return Conversation(self, about, (), place)
        others = [other for other in self.offer.stand_ins(card, stand_ins) if other.id in self.models]
        return Conversation(self, about, [card, *others[:1]], place)

    def circuit(self, provider: str) -> Circuit:
        """Whether that provider is asked."""
        return self._circuits[provider]

    def hold(self, card: ModelCard, seconds: float) -> None:
        """The provider asks to wait before it is asked for this model again."""
        until = self.clock.monotonic() + min(seconds, _LONGEST_HOLD)
        self._holds[card.id] = max(until, self._holds.get(card.id, until))

    def held(self, card: ModelCard) -> float:
        """Seconds until this model may be asked again; 0 where it may now."""
        return max(0.0, self._holds.get(card.id, 0.0) - self.clock.monotonic())


@dataclass(slots=True)
class Conversation:
    """The questions about one call, or of one summary, and the requests that they took."""

    asker: Asker
    about: About
    cards: Sequence[ModelCard]
    place: Place = nullcontext
    requests: list[ModelRequest] = field(default_factory=list)
    _again: bool = field(init=False)

    def __post_init__(self) -> None:
        self._again = self.about.again

    def room(self, most_output_tokens: int) -> int:
        """The most tokens that a question may have, whichever of the models answers it, a cut-off answer asked for again included."""
        return min(card.room(_MORE_ROOM * most_output_tokens) for card in self.cards)

    @property
    def answered_by(self) -> tuple[str, ...]:
        """The models whose answers were used, each once, in order."""
        return tuple(dict.fromkeys(one.card.id for one in self.requests if one.outcome is Outcome.ANSWERED))

    def take_requests(self) -> list[ModelRequest]:
        """The requests since they were last taken: whoever takes them stores them in its transaction."""
        taken, self.requests = self.requests, []
        return taken

    def ready(self) -> None:
        """Raise ProviderTrouble or AccountRefused where asking now would come to nothing: no need to load and mask a call for that."""
        if not self.cards:
            raise AccountRefused(_NOT_OFFERED)
        circuits = [self.asker.circuit(card.provider).wait() for card in self.cards]
        if min(circuits) > 0:
            raise _away(self.cards[0], min(circuits))
        if circuits[0] == 0:
            self._check_hold(self.cards[0])

    async def answer(self, prompt: Prompt, read: Callable[[str], A]) -> A:
        """What `read` makes of the answer; one that it raises BadAnswer for is recorded as unreadable."""
        text, request = await self._asked(prompt)
        try:
            return read(text)
        except BadAnswer as error:
            request.outcome = error.outcome
            raise

    async def ask(self, prompt: Prompt) -> str:
        """The answer's text. Raises BadAnswer, AccountRefused, ProviderTrouble. Several questions may be asked at once."""
        return (await self._asked(prompt))[0]

    async def _asked(self, prompt: Prompt) -> Answered:
        first: ModelError | None = None
        for card in self.cards:
            try:
                return await self._with_room(card, prompt)
            except (ProviderAway, AccountRefused) as error:
                first = first or error
        raise first or AccountRefused(_NOT_OFFERED)

    async def _with_room(self, card: ModelCard, prompt: Prompt) -> Answered:
        """Ask, and once more with more room where the answer was cut short."""
        room = min(prompt.most_output_tokens, card.output_tokens)
        more = min(_MORE_ROOM * room, card.output_tokens)
        try:
            return await self._patiently(card, prompt, room)
        except CutShort as error:
            if more <= room:
                raise CutShort(f"the model's answer was cut short at {room:,} tokens", hopeless=True) from error
        try:
            return await self._patiently(card, prompt, more)
        except CutShort as error:
            words = f"the model's answer was cut short twice, the second time at {more:,} tokens"
            raise CutShort(words, hopeless=True) from error

    async def _patiently(self, card: ModelCard, prompt: Prompt, room: int) -> Answered:
        """Ask, and again after short waits while the provider is in trouble."""
        patience, retries = self.asker.patience, 0
        while True:
            try:
                return await self._in_its_place(card, prompt, room)
            except ProviderAway:
                raise
            except ProviderTrouble as error:
                retries += 1
                wait = max(error.retry_after or 0.0, patience.wait(retries, self.asker.source))
                if retries > patience.retries or wait > patience.longest:
                    raise
            await self.asker.clock.sleep(wait)

    async def _in_its_place(self, card: ModelCard, prompt: Prompt, room: int) -> Answered:
        """Ask when there is a place for it. While it waited for one the provider may have asked everybody to wait."""
        while True:
            await self._wait_for_hold(card)
            async with self.place():
                if self.asker.held(card) > 0:
                    continue
                answered = await self._once(card, prompt, room)
            # Whoever has the place now asks before this answer is read: many come at once.
            await asyncio.sleep(0)
            return answered

    async def _once(self, card: ModelCard, prompt: Prompt, room: int) -> Answered:
        """One request, told to the circuit and the budget, and noted."""
        asker = self.asker
        circuit, budget = asker.circuit(card.provider), self._budget(card)
        turn = circuit.enter()
        if turn is None:
            raise _away(card, circuit.wait())
        with turn:
            if self._again and not turn.probing and not budget.spend():
                raise _away(card, budget.seconds_to_next)
            request = ModelRequest(self.about, prompt, card, asker.clock.now())
            began = asker.clock.monotonic()
            try:
                with span("ask model", Kind.CLIENT, model=card.id, provider=card.provider) as made:
                    reply = await asker.models[card.id].answer(prompt, room)
                    made.note(input_tokens=reply.tokens.input, output_tokens=reply.tokens.output)
            except ModelError as error:
                request.failed(error)
                self._failed(card, turn, error)
                if error.sent:
                    self.requests.append(request)
                raise
            finally:
                request.took = round(1000 * (asker.clock.monotonic() - began))
            turn.answered()
            budget.earn()
            self._again = False
            request.sent, request.tokens = reply.sent, reply.tokens
            self.requests.append(request)
        return reply.text, request

    def _failed(self, card: ModelCard, turn: Pass, error: ModelError) -> None:
        """What a failure says of the provider: whoever answers at all is there."""
        if not isinstance(error, ProviderTrouble):
            if error.sent:
                turn.answered()
            self._again = False
            return
        turn.failed()
        self._again = True
        if error.retry_after:
            self.asker.hold(card, error.retry_after)

    async def _wait_for_hold(self, card: ModelCard) -> None:
        """A provider that asked to wait means everybody. Spread, so that not all of them come back at once."""
        self._check_hold(card)
        held = self.asker.held(card)
        if held > 0:
            await self.asker.clock.sleep(held + self.asker.source.uniform(0, min(held, 1.0)))

    def _check_hold(self, card: ModelCard) -> None:
        held = self.asker.held(card)
        if held > self.asker.patience.longest:
            words = f"{PROVIDERS[card.provider]} has asked to wait"
            raise ProviderTrouble(words, Outcome.BUSY, held + self.asker.source.uniform(0, min(held, 10.0)))

    def _budget(self, card: ModelCard) -> RetryBudget:
        return self.asker.budgets.of((self.about.workspace_id, self.about.run_id, card.provider))


_NOT_OFFERED = "the run's model is not offered any more; choose another one"


def _away(card: ModelCard, wait: float) -> ProviderAway:
    name = PROVIDERS[card.provider]
    return ProviderAway(f"{name} has failed too often; it is asked again later", Outcome.UNREACHABLE, wait)

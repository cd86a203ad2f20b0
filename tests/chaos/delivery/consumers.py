"""The consumer's handler: the effects of the small service, with troubles of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import record_effects
from contracts import Event
from core.errors import Permanent, Transient
from database import Tx
from messaging import Routes


@dataclass(slots=True)
class FlakyHandler:
    """Fails before or after its effects, now and then; some events are poison until `calm`."""

    rng: random.Random
    trouble: float
    _poison: set[str] = field(default_factory=set)

    def routes(self) -> Routes:
        """Routes with this handler."""
        routes = Routes()
        routes.on_many(CallFetched, self.handle)
        return routes

    def calm(self) -> None:
        """No more trouble, and no more poison."""
        self.trouble = 0.0
        self._poison.clear()

    async def handle(self, tx: Tx, events: Sequence[Event[CallFetched]]) -> None:
        """Record the effects, or fail."""
        if any(str(event.event_id) in self._poison for event in events):
            raise Permanent("poison")
        await record_effects(tx, events)
        if self.rng.random() < self.trouble:
            self._fail(events[0])

    def _fail(self, event: Event[CallFetched]) -> None:
        kind = self.rng.randrange(3)
        if kind == 0:
            raise Transient("come back later")
        if kind == 1:
            raise ValueError("a bug")
        self._poison.add(str(event.event_id))
        raise Permanent("poison")

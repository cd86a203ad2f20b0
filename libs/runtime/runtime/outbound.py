"""What a service sends to other companies, in one place: who it goes to, and how much went."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from fastapi import APIRouter
from msgspec import Struct, field

from core.clock import Clock
from egress import Destination, Egress
from telemetry.instruments import EGRESS_REFUSED

Sent = dict[str, str | int | float]


class Outbound(Struct):
    """Makes the service's clients of `egress`, closes them with `stack`, and adds up what they sent."""

    ca_file: Path | None
    stack: AsyncExitStack
    _clients: list[tuple[Egress, dict[str, str]]] = field(default_factory=list)

    def egress(self, destinations: Iterable[Destination], clock: Clock | None = None) -> Egress:
        """A client for `destinations`. Raises NotInRegister for one that the register does not cover."""
        places = tuple(destinations)
        client = Egress(places, ca_file=self.ca_file, clock=clock)
        self.stack.push_async_callback(client.close)
        for place in places:
            # From the start, so that the first refusal is a change and not a new series.
            EGRESS_REFUSED.add(0, recipient=place.recipient)
        self._clients.append((client, {place.name: place.recipient for place in places}))
        return client

    def sent(self) -> list[Sent]:
        """What was sent since the process started: a row for each destination, with its recipient in the register."""
        rows: list[Sent] = []
        for client, recipients in self._clients:
            counted = client.metrics()
            for destination, counters in counted.items():
                # A destination that a customer has named goes by its recipient.
                named: Sent = {"recipient": recipients.get(destination, destination), "destination": destination}
                rows.append(named | msgspec.structs.asdict(counters))
        return sorted(rows, key=lambda row: (str(row["recipient"]), str(row["destination"])))


def add_outbound(outbound: Outbound, router: APIRouter) -> None:
    """`GET /outbound`: what was sent. `router` is open to operators only."""

    @router.get("/outbound")
    async def sent() -> list[Sent]:
        return outbound.sent()

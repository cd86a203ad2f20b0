"""Retention asks for a person: the search is noted, a worker reads (workers/person_searches.py)."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message
from msgspec import Struct

from contracts import Event
from contracts.person_erasing import PERSON_SEARCH, search_asked
from database import Tx
from ingest.store import person_searches
from messaging import Routes


class PersonSearches(Struct, frozen=True):
    """Handlers of the topic `person-searches`. `wake` is called once there is something to read: a hint for the worker."""

    wake: Callable[[], None]

    def routes(self) -> Routes:
        """What is done with each message."""
        routes = Routes()
        routes.on(PERSON_SEARCH, self.requested)
        return routes

    async def requested(self, tx: Tx, event: Event[Message]) -> None:
        """Have a person looked for. The same message comes here once; another one for the same attempt is from a retention that was
        restored, and is answered anew."""
        await person_searches.ask(tx, search_asked(event.payload))
        tx.on_commit(self.wake)

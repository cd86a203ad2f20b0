"""How services talk: a transactional outbox, one fenced relay, an inbox, a batch consumer, and what became of messages that failed.

    await outbox.add(tx, CallFetched(...), aggregate_id=run_id, sequence=3)      # commits with the caller's own rows
    await Relay(db, publisher).run()                                             # one active per outbox, the others stand by
    routes.on(CallFetched, handle)                                               # async def handle(tx, event)
    await Consumer("analysis", db, routes).process(deliveries)                   # one transaction a batch

Invariants:
  1. An event is published if and only if the transaction that added it committed.
  2. Events of one ordering key are first published in the order in which they entered the outbox.
  3. A relay whose lease was taken starts no publication and changes no row.
  4. The effects of an event, its inbox row and the events that follow from it commit together, once, however often it is delivered.
  5. A message that can never be processed is parked with its reason and holds nothing else back.

Google's client is imported in `messaging.google` only. Not for: what a message means (that is a service's `handlers.py`).
"""

from messaging.consumer import Consumer, ConsumerSettings
from messaging.dead_letters import DeadLetters
from messaging.outbox import Draft, Outbox
from messaging.parked import Parked
from messaging.ports import Delivery, OutgoingMessage, Processor, Publisher, Verdict
from messaging.relay import Relay, RelaySettings
from messaging.routes import Routes

__all__ = [
    "Consumer",
    "ConsumerSettings",
    "DeadLetters",
    "Delivery",
    "Draft",
    "Outbox",
    "OutgoingMessage",
    "Parked",
    "Processor",
    "Publisher",
    "Relay",
    "RelaySettings",
    "Routes",
    "Verdict",
]

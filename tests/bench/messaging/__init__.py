"""Messages a second from a producer's transaction to the committed effect, with 1, 100 and 1,000 ordering keys over 200 workspaces.

Ours: outbox, relay, broker, inbox, effect; the producing and the consuming service are a process each, as they are when deployed. The
alternative: Google's threaded publisher after the producer's commit, its callback subscriber, one transaction for each message (no outbox:
it loses events when the process dies in between). The bound: bare gRPC calls with 1,000 messages each, bare INSERTs of 500 rows each. All
write to the same PostgreSQL and go through the same embedded broker, over TLS.
Producers write 50 events a transaction in both.
"""

from bench.messaging.rows import run

__all__ = ["run"]

"""How soon a webhook is answered: milliseconds from before its request is written to the last byte of its answer.

The service as it is deployed, `ingest serve` in a process of its own, over TLS, with PostgreSQL, Pub/Sub and Secret Manager of one machine;
all share the machine's cores. 20 webhooks a second come in, each new, from the five senders and a bare INSERT in turn, so that a slow
second hits all alike. The bound is that INSERT: one transaction of one row by asyncpg, on a pool with the service's own settings, from the
measuring process. `limit` is what a provider may be kept waiting. CPU is the service's process's own, background work included, so that it
holds whoever else uses the cores. Every letter has to be answered with 200 and found in the database.

All providers' addresses lead to a listener that never answers: whoever called one before answering would not answer. It counts who comes.
"""

from bench.webhooks.rows import run

__all__ = ["run"]

"""How close a fetch comes to what Gong's limits allow, and what it costs when they are lifted.

The service's worker runs in a process of its own, as it is deployed, on a real PostgreSQL, against the sandbox's Gong and the storage
emulator, each in a process of its own, over TLS; all share the machine's cores. Calls are of 60 sentences.

Previews at Gong's limits: seconds from the claim of the job to the committed PreviewReady, for 1,000 calls. The first reads ten pages; the
bound is the least time that the limits allow for them. Later ones, with other filters, use its list; their alternative is the first.

At Gong's limits (3 requests a second, the bucket holds three): requests and seconds from the claim of the job to the committed
FetchCompleted, beside the least of both: a page for each 100 calls, a request for each 100 transcripts; all but the first three spaced
evenly. Limits lifted: calls a second into storage and outbox. The bound is what the storage client alone puts into the emulator a second,
the same objects, as many at once; its own alternative is Google's client on as many threads. CPU is the worker process's own, so that it
holds whoever else uses the cores.
"""

from bench.ingest.rows import run

__all__ = ["run"]

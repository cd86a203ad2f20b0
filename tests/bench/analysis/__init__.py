"""How close a run comes to what its model allows, what a call costs, and who waits for whom.

The service's workers run in a process of their own, as they are deployed, on a real PostgreSQL; the model, on OpenAI's wire, and the bucket
are another process, over TLS, whose answers are made beforehand: all share the machine's cores. Calls are of 60 sentences, answers of two
findings. A process has worked on five calls before the clock runs, ours like the alternative.

Seconds from the moment the calls are queued to the commit that stores the last result, with 50 questions at a time; what the summary takes
is not in it, and `with report` says when that is stored. The bound is what the answers alone take: for a model that answers in a second
one second for each 50 calls, for one with a heavy tail what they take one after the other in 50 places, in their order. The alternative
is a plain asyncio script with a semaphore that asks the same questions with the same SDK and keeps nothing. CPU is the process's own, so
that it holds whoever else uses the cores. Memory is the process's peak.

A run of 5 calls, from the commit that starts it to its report, behind a run of 2,000 calls of another workspace; the alternative is the
same run alone, and the bound twice that. A claim of 10 calls with 100,000 queued; the alternative numbers the whole queue.
"""

from bench.analysis.rows import run

__all__ = ["run"]

"""How long a large workspace takes to be gone, and what the others feel of it meanwhile, in ingest's database and its bucket.

Ours is the service's own eraser: in the workspace's scope, behind row policies and the fence, in transactions of 2,000 rows that can stop
anywhere, each counted in the tombstone. The alternative is one bare DELETE for each table as the superuser, and as many deletes of objects
side by side, in a copy of the same database. Two sizes, so that one sees whether time grows with the rows or faster.

For the others: the 99th percentile of a small write of another workspace, while nothing else goes on (bound), while the large one is
erased (ours), and while the bare DELETEs run (alternative). Who writes is a process of its own, as another instance would be, and so is
the storage: its work is the provider's.
"""

from bench.erasure.rows import run

__all__ = ["run"]

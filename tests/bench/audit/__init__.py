"""What it costs to record an audit entry so that it can be proven, to check the proof, and to read the log.

Messages of 200 workspaces go through the service's own consumer (entry, arrival at the log, words, names: one transaction a batch) on
a real PostgreSQL, and are sealed by a process of its own, as several instances of the service do; all share the machine's cores. The bound
is a bare multi-row INSERT of the same entries into a table with the same columns and no index but its key: no inbox, no partitions, no row
security, no log. "With sealing" counts until the last entry is sealed. The lag is from the recording of an entry to the seal that gives
it its place.

Exporting a log and verifying the export are processes of their own; their memory is the most each ever held, beside the same for a tenth of
the log. The verifier reads the export from disk, as a customer has it. For reading see `bench.audit.reading`.
"""

from bench.audit import reading, rows
from bench.harness import Row

__all__ = ["run"]


async def run(quick: bool) -> list[Row]:
    """All rows."""
    return [*await rows.run(quick), *await reading.rows(quick)]

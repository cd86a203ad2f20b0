"""`python -m bench.erasure …`: the processes beside the one that measures. `bucket <folder>`, `others <DSN> <DSN of sweeps>`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.erasure.bucket import serve
from bench.erasure.others import write

if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "bucket":
        serve(Path(given[0]))
    else:
        asyncio.run(write(*given))

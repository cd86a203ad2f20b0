"""What a file's maker holds at most."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping

from analysis.exporting.formats import Format
from bench.harness import Row

# A process begins with the largest resident set of the one that it came from, so who starts the maker has to be small.
_WATCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

# What an instance has (deploy/terraform/run.tf).
_INSTANCE_MB = 1024


async def row(report: Mapping[str, object], kind: Format, calls: int) -> Row:
    """The largest resident set of the process that makes the file, in MB."""
    maker = (sys.executable, "-I", "-m", "analysis.exporting", kind.value)
    pipe = asyncio.subprocess.PIPE
    watch = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", _WATCH, *maker, stdin=pipe, stdout=pipe)
    told, _ = await watch.communicate(json.dumps(report).encode())
    if watch.returncode:
        raise RuntimeError(f"the maker has ended with {watch.returncode}")
    return {
        "row": f"{kind.label}, {calls:,} calls, memory",
        "unit": "MB",
        "ours": round(int(told) / 1024),
        "bound": _INSTANCE_MB,
    }

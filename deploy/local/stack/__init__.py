"""All of Callmine on one machine: what stands in for the cloud, the sandbox, the five services, the front door.

    async with Stack.start(StackSettings(directory=Path(".local"))) as stack:
        print(stack.url)

Each part is a process of its own, started here and stopped here. Services get Google's clients and real TLS; only endpoints differ.
"""

from local.stack.processes import Process, ProcessFailed
from local.stack.stack import Stack, StackSettings

__all__ = ["Process", "ProcessFailed", "Stack", "StackSettings"]

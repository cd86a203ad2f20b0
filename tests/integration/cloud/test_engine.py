"""Closing the last channel does not end gRPC's engine: a process would stand still for good now and then."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: channels that other tests have open would keep the engine as well.
PROGRAM = """
import asyncio, glob, sys
import grpc
from cloud.engine import keep_engine

if sys.argv[1] == "kept":
    keep_engine()

def named(path):
    try:
        with open(path) as comm:
            return comm.read()
    except OSError:  # the thread ended between being listed and being read
        return ""

def alive():
    return any("event_engine" in named(path) for path in glob.glob("/proc/self/task/*/comm"))

async def main():
    token = grpc.access_token_call_credentials("token")
    credentials = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), token)
    channel = grpc.aio.secure_channel("localhost:1", credentials)
    try:
        await channel.unary_unary("/nobody/listens")(b"")
    except grpc.aio.AioRpcError:
        pass
    before = alive()
    await channel.close()
    for _ in range(50):
        if not alive():
            break
        await asyncio.sleep(0.1)
    print(before, alive())

asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are looked up in /proc, which only Linux has")
@pytest.mark.parametrize(("kept", "after"), [("kept", True), ("not", False)])
def test_the_engine_outlives_the_last_channel_if_it_is_kept(kept: str, after: bool) -> None:
    """`not` shows what happens without: when that case fails, grpc has changed and `cloud.engine` may not be needed any more."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, kept], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", str(after)]

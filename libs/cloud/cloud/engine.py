"""gRPC's event engine, kept for the life of the process.

With the last channel gRPC ends its engine and waits for the engine's threads, holding Python's lock. One of these may be waiting for that
very lock, to drop the credentials of a channel that was closed just before: then the process stands still for good (grpc/grpc#42247, seen
with grpcio 1.85). While one channel stays open, however idle, the engine is never ended.
"""

from __future__ import annotations

import functools

import grpc


@functools.cache
def keep_engine() -> grpc.Channel:
    """A channel that never connects and is never closed, the same at each call. To be called before any other channel is closed."""
    return grpc.insecure_channel("localhost:1")

"""The embedded broker beside Google's emulator."""

from bench.broker.bench_broker import run

__all__ = ["run"]

"""The audit log: how fast it is read. See `bench.audit.reading`."""

from bench.audit.reading import rows as run

__all__ = ["run"]

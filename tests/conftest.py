"""Fixtures of all tests: a real PostgreSQL, a fresh migrated database of any service for one test, and the outside world."""

from testkit.outside import outside
from testkit.postgres import new_database, postgres_url, templates

__all__ = ["new_database", "outside", "postgres_url", "templates"]

"""Fixtures of all tests: a real PostgreSQL, a fresh migrated database of any service for one test, and the outside world.

What every service executes meanwhile is captured and checked at the end of the run.
"""

from __future__ import annotations

import pytest

from cloud.engine import keep_engine
from isolation import session as capture
from testkit.outside import outside
from testkit.postgres import new_database, postgres_url, templates

__all__ = ["new_database", "outside", "postgres_url", "templates"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before anything is collected."""
    keep_engine()
    capture.begin(session)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """After the last test and its fixtures, before the summary."""
    capture.finish(session, exitstatus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end of the summary."""
    capture.summary(terminalreporter)

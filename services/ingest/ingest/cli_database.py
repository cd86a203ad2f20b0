"""The service's database for a command: nothing else has to be there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from database import Database, DatabaseSettings, Queries
from database.transaction import lost_connection
from ingest.main import SERVICE
from ingest.settings import Settings

T = TypeVar("T")


async def asked(settings: Settings, ask: Callable[[Database], Awaitable[T]]) -> T:
    """What `ask` finds or does, on a database that is closed afterwards. Raises what `ask` raises, and Transient while it is away."""
    urls = DatabaseSettings(
        app_url=settings.app_database_url.get_secret_value(),
        sweep_url=settings.sweep_database_url.get_secret_value(),
        app_pool=1,
        sweep_pool=1,
        capture=settings.statement_capture_dir,
    )
    db = await _opened(urls)
    try:
        return await ask(db)
    finally:
        await db.close()


async def _opened(urls: DatabaseSettings) -> Database:
    try:
        return await Database.open(urls, Queries.of("database", "messaging", "ingest"), SERVICE)
    except Exception as error:
        raise lost_connection(error) or error from error

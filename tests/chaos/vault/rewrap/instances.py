"""Instances of the vault that are read all the time, each a process of its own with its share of the credentials.

A share has all credentials of a workspace, so that each instance knows which version the next read must not fall behind.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from chaos.vault.rewrap.book import Book
from chaos.vault.rewrap.runs import forked
from chaos.vault.rewrap.traffic import Tally, Traffic
from cloud import Endpoint
from cloud.secrets import GoogleSecrets
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.source import KeysetSecret
from credential_vault.settings import Settings
from database import Database, DatabaseSettings, Queries

INSTANCES: Final = 2

_SERVICE = "credential-vault"
# To come up, and to finish the reads under way (seconds).
_LONGEST = 60.0


class InstanceFailed(Exception):
    """An instance ended before its time; its own words are on stderr."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one instance is given."""

    environment: Mapping[str, str]
    name: str
    book: Book
    reads_per_second: float


def serve(share: Share, parent: Connection) -> None:
    """An instance's whole life: says when it reads, reads until it is told to stop, then says what happened."""
    os.environ.update(share.environment)
    asyncio.run(_serve(share, parent))


async def _serve(share: Share, parent: Connection) -> None:
    settings = Settings()
    queries = Queries.of("database", "messaging", "credential_vault")
    app, sweep = settings.app_database_url, settings.sweep_database_url
    dsns = DatabaseSettings(app.get_secret_value(), sweep.get_secret_value())
    db = await Database.open(dsns, queries, _SERVICE)
    endpoint = Endpoint(address=settings.secrets_endpoint, ca_file=settings.ca_file)
    secrets = GoogleSecrets(project=settings.project, endpoint=endpoint, kept_seconds=0)
    try:
        keyring = await Keyring.open(KeysetSecret(secrets))
        traffic = Traffic(db, keyring, share.book, share.reads_per_second, share.name)
        parent.send("ready")
        reading = asyncio.create_task(traffic.run())
        await asyncio.to_thread(parent.recv)
        traffic.stop.set()
        await reading
        parent.send((traffic.tally, traffic.book))
    finally:
        await secrets.close()
        await db.close()


@asynccontextmanager
async def read_all_the_time(
    environment: Mapping[str, str], book: Book, reads_per_second: float
) -> AsyncIterator[Tally]:
    """Within the block everything is read and connected anew. Afterwards the tally is filled, and `book` knows what was committed."""
    tally = Tally()
    children = []
    for number, part in enumerate(book.shares(INSTANCES), start=1):
        share = Share(environment, f"{number}", part, reads_per_second / INSTANCES)
        children.append(await forked(serve, share))
    try:
        for child in children:
            await _said(child.connection)
        yield tally
        for child in children:
            child.connection.send("stop")
        for child in children:
            told, committed = await _said(child.connection)
            tally.add(told)
            book.take_back(committed)
    finally:
        for child in children:
            await child.end()


async def _said(connection: Connection) -> tuple[Tally, Book]:
    """The next thing that an instance says."""
    if not await asyncio.to_thread(connection.poll, _LONGEST):
        raise InstanceFailed("an instance of the vault does not answer")
    try:
        return connection.recv()  # type: ignore[no-any-return]
    except EOFError:
        raise InstanceFailed("an instance of the vault ended before its time") from None

"""What a grant passes through, and nothing else: the broker, PostgreSQL and the vault as processes of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.vault.hop.counted import Counted, counted
from core.ids import WorkspaceId
from e2e.runs import database
from local.journey import admin_of, connect
from local.stack import Stack, StackSettings
from local.stack.keys import WORKSPACES
from local.tls import Authority

VAULT = "credential-vault"


@dataclass(frozen=True, slots=True)
class Stage:
    """The vault with a Gong key of each workspace."""

    stack: Stack
    counted: Counted

    @property
    def wanted(self) -> dict[WorkspaceId, dict[str, str]]:
        """What each workspace's grant has to hold."""
        keys, address = self.stack.site.keys.gong, f"{self.stack.site.sandbox_url}/gong"
        return {
            WorkspaceId(admin_of(self.stack, name).organization_id): {
                "kind": "basic",
                "access_key": keys[name]["access_key"],
                "secret": keys[name]["secret"],
                "base_url": address,
            }
            for name in WORKSPACES
        }

    async def said(self) -> int:
        """How many events the vault has ever put into its outbox."""
        rows = await database(
            self.stack,
            VAULT,
            "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('outbox', 'id')::regclass), 0) AS n",
        )
        return int(rows[0]["n"])


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Start it, and connect; nothing is left of it afterwards."""
    with _folder() as directory:
        async with counted(directory, Authority.open(directory / "tls")) as asked:
            settings = StackSettings(directory, services=(VAULT,), extra={VAULT: asked.settings()})
            async with Stack.start(settings) as stack:
                for name in WORKSPACES:
                    await connect(admin_of(stack, name), name)
                yield Stage(stack, asked)


@contextmanager
def _folder() -> Iterator[Path]:
    """PostgreSQL may run as another user, who has to get into it."""
    directory = Path(tempfile.mkdtemp(prefix="callmine-hop-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)

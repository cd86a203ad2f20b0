"""The ledger of erasures: small objects for each workspace, report or person whose data is to be erased, outside every database.

A backup knows nothing of what was erased after it was made. The ledger does: whoever restores one replays the ledger before it serves.
Entries are plain JSON, so that they can be read by hand; they are written once, and nobody's workspace folder holds them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import google_crc32c

from cloud.endpoint import Endpoint
from cloud.names import full_name
from cloud.storage import ATTEMPT_SECONDS, Exists, StorageClient, asked
from core.errors import Conflict, Permanent

# Those of workspaces, of single reports and of people's data lie apart: whoever knows the first only takes each entry for a workspace.
WORKSPACES, REPORTS, PEOPLE = "erasures/", "report-erasures/", "person-erasures/"

# Ids and times; of a person's data the calls of one attempt, as many as a message names.
LARGEST_ENTRY = 256 * 1024


class Ledger(Protocol):
    """Where erasures are noted."""

    async def note(self, name: str, entry: bytes) -> None:
        """Note an erasure under `name`. The same again is fine; another one raises Conflict. Raises Permanent, Transient."""
        ...

    def entries(self) -> AsyncIterator[tuple[str, bytes]]:
        """All that is noted, by name. Raises Permanent, Transient."""
        ...


class GoogleLedger:
    """A folder of a Cloud Storage bucket."""

    def __init__(self, *, bucket: str, endpoint: Endpoint | None = None, folder: str = WORKSPACES) -> None:
        """`endpoint` None means Google with the process's own identity (found on first use of the network)."""
        self._folder = folder
        self._client = StorageClient(endpoint)
        self._bucket = bucket

    async def note(self, name: str, entry: bytes) -> None:
        """Note an erasure under `name`. The same again is fine; another one raises Conflict. Raises Permanent, Transient."""
        if len(entry) > LARGEST_ENTRY:
            raise Permanent(f"an entry of the ledger may hold at most {LARGEST_ENTRY} bytes")
        whole = full_name(self._folder, name)
        digest = hashlib.sha256(entry).hexdigest()
        crc32c = base64.b64encode(google_crc32c.value(entry).to_bytes(4, "big")).decode()
        try:
            await asked(
                lambda: self._client().upload(
                    self._bucket,
                    whole,
                    entry,
                    content_type="application/json",
                    parameters={"ifGenerationMatch": "0", "fields": "generation"},
                    metadata={"metadata": {"sha256": digest}, "crc32c": crc32c},
                    force_resumable_upload=False,
                    timeout=ATTEMPT_SECONDS,
                )
            )
        except Exists:
            if await self._read(whole) != entry:
                raise Conflict("the ledger has another entry of this name; entries are written once") from None

    async def entries(self) -> AsyncIterator[tuple[str, bytes]]:
        """All that is noted, by name. Raises Permanent, Transient."""
        page = ""
        while True:
            listed = await self._list(page)
            for one in listed.get("items", ()):
                name = str(one["name"])
                yield name.removeprefix(self._folder), await self._read(name)
            page = str(listed.get("nextPageToken", ""))
            if not page:
                return

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        await self._client.close()

    async def _list(self, page: str) -> Mapping[str, list[Mapping[str, object]]]:
        wanted = {
            "prefix": self._folder,
            "fields": "items(name),nextPageToken",
            **({"pageToken": page} if page else {}),
        }
        found: Mapping[str, list[Mapping[str, object]]] = await asked(
            lambda: self._client().list_objects(self._bucket, params=wanted, timeout=ATTEMPT_SECONDS)
        )
        return found

    async def _read(self, name: str) -> bytes:
        return await asked(lambda: self._client().download(self._bucket, name, timeout=ATTEMPT_SECONDS))

"""The ledger of erasures: written once, read whole, apart from the workspaces' folders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import Mock

import aiohttp
import pytest

from cloud import Endpoint
from cloud.ledger import LARGEST_ENTRY, GoogleLedger
from cloud.objects import GoogleObjects
from core.errors import Conflict, InvalidInput, NotFound, Permanent
from core.ids import WorkspaceId
from integration.cloud.conftest import BUCKET
from local.storage import StorageServer
from local.tls import Authority


@pytest.fixture
async def ledger(storage: StorageServer, authority: Authority) -> AsyncIterator[GoogleLedger]:
    ledger = GoogleLedger(bucket=BUCKET, endpoint=Endpoint(address=storage.endpoint, ca_file=authority.ca_file))
    yield ledger
    await ledger.close()


async def test_entries_are_written_once_and_read_back(
    ledger: GoogleLedger, store: GoogleObjects, tmp_path: Path
) -> None:
    assert [one async for one in ledger.entries()] == []
    await store.workspace(WorkspaceId("org_a")).put("a.json", b"content")
    for _ in range(2):
        await ledger.note("org_a/1.json", b'{"a": 1}\n')
    await ledger.note("org_b/2.json", b"{}\n")
    assert sorted([one async for one in ledger.entries()]) == [
        ("org_a/1.json", b'{"a": 1}\n'),
        ("org_b/2.json", b"{}\n"),
    ]
    # Readable by hand, and not in a workspace's folder.
    [written] = _files(tmp_path, "1.json")
    assert written.read_bytes() == b'{"a": 1}\n'
    assert "workspaces" not in written.parts


async def test_another_entry_of_the_same_name_is_refused(ledger: GoogleLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name is taken Google answers 412, which the emulator does not."""
    await ledger.note("org_a/1.json", b'{"a": 1}\n')

    async def taken(*_: object, **__: object) -> None:
        raise aiohttp.ClientResponseError(Mock(), (), status=412)

    monkeypatch.setattr(type(ledger._client()), "upload", taken)
    await ledger.note("org_a/1.json", b'{"a": 1}\n')
    with pytest.raises(Conflict):
        await ledger.note("org_a/1.json", b'{"a": 2}\n')


def _files(folder: Path, name: str) -> list[Path]:
    return [one for one in folder.rglob(name) if one.is_file()]


@pytest.mark.parametrize("name", ["../x", "/x", "workspaces/org_a/x", "", "a//b"])
async def test_an_entry_has_a_name_below_the_ledger(ledger: GoogleLedger, name: str) -> None:
    with pytest.raises(InvalidInput):
        await ledger.note(name, b"{}")


async def test_what_is_no_entry_or_has_no_bucket_is_said(storage: StorageServer, authority: Authority) -> None:
    place = Endpoint(address=storage.endpoint, ca_file=authority.ca_file)
    for bucket, content, error in ((BUCKET, bytes(LARGEST_ENTRY + 1), Permanent), ("nowhere", b"{}", NotFound)):
        other = GoogleLedger(bucket=bucket, endpoint=place)
        with pytest.raises(error):
            await other.note("org_a/3.json", content)
        await other.close()

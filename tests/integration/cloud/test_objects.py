"""Objects against the storage emulator behind TLS."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path

import pytest
import requests
import trustme

from cloud import Endpoint
from cloud.objects import GoogleObjects
from core.errors import InvalidInput, NotFound, Permanent, Transient
from core.ids import WorkspaceId
from integration.cloud.conftest import BUCKET
from local.storage import StorageServer, StorageSettings
from local.storage.server import Exchange
from local.tls import Authority

ACME, OTHER = WorkspaceId("org_acme"), WorkspaceId("org_other")
TRANSCRIPT = ("Good morning, Tomás. How is the harvest? " * 2000).encode()


async def test_what_is_put_is_got_back(store: GoogleObjects) -> None:
    objects = store.workspace(ACME)
    stored = await objects.put("calls/7782/transcript.json", TRANSCRIPT)
    assert stored.name == "workspaces/org_acme/calls/7782/transcript.json"
    assert (stored.sha256, stored.size) == (hashlib.sha256(TRANSCRIPT).hexdigest(), len(TRANSCRIPT))
    assert await objects.get(stored.name, stored.sha256) == TRANSCRIPT
    assert await objects.get("calls/7782/transcript.json", stored.sha256) == TRANSCRIPT


async def test_the_same_content_again_is_fine_and_byte_for_byte_the_same(store: GoogleObjects, tmp_path: Path) -> None:
    objects = store.workspace(ACME)
    first = await objects.put("a.json", TRANSCRIPT)
    before = _on_disk(tmp_path)
    assert await objects.put("a.json", TRANSCRIPT) == first
    assert _on_disk(tmp_path) == before
    assert [packed[4:8] for packed in before] == [bytes(4)], "no time of writing in the gzip header (RFC 1952, MTIME)"
    assert [len(packed) < len(TRANSCRIPT) / 20 for packed in before] == [True], "one object, kept compressed"


def _on_disk(directory: Path) -> set[bytes]:
    """The gzip files among what the storage keeps."""
    files = [path.read_bytes() for path in (directory / "objects").rglob("*") if path.is_file()]
    return {content for content in files if content.startswith(b"\x1f\x8b")}


async def test_a_swapped_object_is_refused(store: GoogleObjects) -> None:
    objects = store.workspace(ACME)
    stored = await objects.put("a.json", b"one")
    with pytest.raises(Permanent, match="SHA-256 differs"):
        await objects.get(stored.name, hashlib.sha256(b"two").hexdigest())


@pytest.mark.parametrize("damage", [b"not gzip at all", b"\x1f\x8b\x08\x00"])
async def test_a_damaged_object_is_refused(
    store: GoogleObjects, storage: StorageServer, authority: Authority, damage: bytes
) -> None:
    stored = await store.workspace(ACME).put("a.json", b"one")
    _overwrite(storage, authority, stored.name, damage)
    with pytest.raises(Permanent, match="not readable"):
        await store.workspace(ACME).get(stored.name, stored.sha256)


def _overwrite(storage: StorageServer, authority: Authority, name: str, content: bytes) -> None:
    address = f"{storage.endpoint}/upload/storage/v1/b/{BUCKET}/o"
    query = {"uploadType": "media", "name": name}
    requests.post(address, params=query, data=content, verify=str(authority.ca_file), timeout=5).raise_for_status()


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 2_000_000])
async def test_a_stream_gives_the_same_content_in_pieces(store: GoogleObjects, size: int) -> None:
    content = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    stored = await store.workspace(ACME).put("big", content)
    pieces = [piece async for piece in store.workspace(ACME).stream(stored.name, stored.sha256)]
    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= 256 * 1024 for piece in pieces)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"not gzip", id="not-gzip"),
        pytest.param(b"\x1f\x8b\x08\x00", id="cut-header"),
        pytest.param(gzip.compress(b"other", mtime=0), id="other-content"),
        pytest.param(gzip.compress(b"one", mtime=0) + b"more", id="more-behind"),
        pytest.param(gzip.compress(b"one", mtime=0)[:-9], id="cut-off"),
    ],
)
async def test_a_stream_of_a_damaged_object_gives_not_one_piece(
    store: GoogleObjects, storage: StorageServer, authority: Authority, damage: bytes
) -> None:
    stored = await store.workspace(ACME).put("a.json", b"one")
    _overwrite(storage, authority, stored.name, damage)
    with pytest.raises(Permanent):
        await anext(store.workspace(ACME).stream(stored.name, stored.sha256))
    with pytest.raises(NotFound):
        await anext(store.workspace(OTHER).stream("a.json", stored.sha256))


async def test_a_missing_object_is_not_found(store: GoogleObjects) -> None:
    with pytest.raises(NotFound):
        await store.workspace(ACME).get("calls/1.json", "0" * 64)


async def test_a_workspace_reaches_no_other(store: GoogleObjects) -> None:
    theirs = await store.workspace(OTHER).put("a.json", b"theirs")
    for name in (theirs.name, "../org_other/a.json", "/" + theirs.name, "x/../../org_other/a.json"):
        with pytest.raises(InvalidInput):
            await store.workspace(ACME).get(name, theirs.sha256)
        with pytest.raises(InvalidInput):
            await store.workspace(ACME).delete(name)
    with pytest.raises(NotFound):
        await store.workspace(ACME).get("a.json", theirs.sha256)


async def test_deleting_is_for_good_and_may_be_repeated(store: GoogleObjects) -> None:
    objects = store.workspace(ACME)
    stored = await objects.put("a.json", b"one")
    await objects.delete(stored.name)
    await objects.delete(stored.name)
    with pytest.raises(NotFound):
        await objects.get(stored.name, stored.sha256)


async def test_a_folder_is_emptied_so_many_at_once_and_no_other(store: GoogleObjects) -> None:
    acme, other = store.workspace(ACME), store.workspace(WorkspaceId("org_acmes"))
    for number in range(5):
        await acme.put(f"calls/{number}.json", TRANSCRIPT)
    for name in ("exports/1/a.pdf", "exports/1/b.pdf"):
        await acme.put(name, TRANSCRIPT)
    beside = await acme.put("exports/10/a.pdf", TRANSCRIPT)
    kept = await other.put("calls/0.json", TRANSCRIPT)
    assert [await acme.clear(2, below="exports/1") for _ in range(2)] == [2, 0]
    assert await acme.get(beside.name, beside.sha256) == TRANSCRIPT
    with pytest.raises(InvalidInput):
        await acme.clear(2, below="../org_acmes")
    assert [await acme.clear(2) for _ in range(4)] == [2, 2, 2, 0]
    assert await other.get(kept.name, kept.sha256) == TRANSCRIPT


class Refusing(StorageServer):
    """Answers the first request for a deletion of some objects with a status of its own."""

    refused: dict[str, int]

    async def answer_one(self, exchange: Exchange, method: str) -> None:
        status = self.refused.pop(exchange.path.partition("?")[0].rpartition("%2F")[2], 0) if method == "DELETE" else 0
        if status:
            exchange.send_response(status)
        else:
            await super().answer_one(exchange, method)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_what_a_batch_could_not_delete_is_deleted_by_itself(
    tmp_path: Path, authority: Authority, status: int
) -> None:
    settings = StorageSettings(tmp_path / "objects", authority.server("storage"), buckets=(BUCKET,))
    with Refusing.start(settings) as server:
        server.refused = {"3.json": status, "30.json": status}
        store = GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address=server.endpoint, ca_file=authority.ca_file))
        acme = store.workspace(ACME)
        for number in range(60):
            await acme.put(f"calls/{number}.json", b"one")
        assert [await acme.clear(100) for _ in range(2)] == [60, 0]
        assert server.refused == {}
        await store.close()


async def test_a_deletion_that_is_forbidden_is_said(tmp_path: Path, authority: Authority) -> None:
    settings = StorageSettings(tmp_path / "objects", authority.server("storage"), buckets=(BUCKET,))
    with Refusing.start(settings) as server:
        store = GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address=server.endpoint, ca_file=authority.ca_file))
        acme = store.workspace(ACME)
        await acme.put("calls/1.json", b"one")
        server.refused = _Always({"1.json": 403})
        with pytest.raises(Permanent, match="403"):
            await acme.clear(10)
        await store.close()


class _Always(dict[str, int]):
    def pop(self, key: str, *default: int) -> int:  # type: ignore[override]
        return self.get(key, *default)


async def test_a_bucket_that_is_not_there_is_said(storage: StorageServer, authority: Authority) -> None:
    endpoint = Endpoint(address=storage.endpoint, ca_file=authority.ca_file)
    store = GoogleObjects(bucket="elsewhere", endpoint=endpoint)
    with pytest.raises(NotFound, match="bucket"):
        await store.workspace(ACME).put("a.json", b"one")
    await store.close()


async def test_a_server_of_another_authority_is_not_spoken_to(
    storage: StorageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.storage.RETRY_SECONDS", 0.1)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    store = GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address=storage.endpoint, ca_file=other))
    with pytest.raises(Transient):
        await store.workspace(ACME).get("a.json", "0" * 64)
    await store.close()


def test_storage_without_tls_is_refused() -> None:
    with pytest.raises(ValueError, match="https"):
        GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address="http://127.0.0.1:1"))

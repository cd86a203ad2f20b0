"""The storage emulator behind TLS, spoken to with Google's client."""

import os
import shutil
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.exceptions import NotFound
from google.cloud.storage import Client

from local.storage import StorageServer, StorageSettings
from local.storage.server import SETTLE_SECONDS
from local.tls import Authority

BUCKET = "callmine-ingest"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "tls")


@pytest.fixture
def settings(tmp_path: Path, authority: Authority) -> StorageSettings:
    return StorageSettings(tmp_path / "objects", authority.server("storage"), buckets=(BUCKET,))


@pytest.fixture
def server(settings: StorageSettings) -> Iterator[StorageServer]:
    with StorageServer.start(settings) as running:
        yield running


def client_of(server: StorageServer, authority: Authority) -> Client:
    """How a service talks to it: Google's client, another endpoint, a session that trusts this authority alone."""
    session = requests.Session()
    session.trust_env = False  # or REQUESTS_CA_BUNDLE, where it is set, would silently replace `verify`
    session.verify = str(authority.ca_file)
    return Client(
        project="callmine-test",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": server.endpoint},
        _http=session,
    )


def test_object_is_written_read_listed_and_deleted(server: StorageServer, authority: Authority) -> None:
    client = client_of(server, authority)
    blob = client.bucket(BUCKET).blob("workspaces/w1/calls/c1.json")
    blob.upload_from_string(b'{"a": 1}', content_type="application/json", timeout=10)
    assert blob.download_as_bytes(timeout=10) == b'{"a": 1}'
    assert [found.name for found in client.list_blobs(BUCKET, prefix="workspaces/w1/")] == [blob.name]
    blob.delete(timeout=10)
    with pytest.raises(NotFound):
        blob.download_as_bytes(timeout=10)
    client.close()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\r\n", id="an empty line"),
        pytest.param(b"a\r\n\r\nb\r\n--\r\n", id="what ends a part's head, and almost a part"),
        pytest.param(b"\n" + bytes(range(256)) + b"\r", id="every byte"),
    ],
)
def test_what_an_upload_in_one_request_holds_is_kept_byte_by_byte(
    server: StorageServer, authority: Authority, content: bytes
) -> None:
    client = client_of(server, authority)
    blob = client.bucket(BUCKET).blob("bytes")
    blob.metadata = {"sha256": "told"}
    blob.upload_from_string(content, content_type="application/gzip", timeout=10)
    found = client.bucket(BUCKET).get_blob("bytes", timeout=10)
    assert found is not None
    assert (found.content_type, found.metadata, found.size) == ("application/gzip", {"sha256": "told"}, len(content))
    assert found.download_as_bytes(timeout=10) == content
    client.close()


def test_an_upload_in_parts_that_are_encoded_is_the_emulators_to_read(
    server: StorageServer, authority: Authority
) -> None:
    body = (
        b'--b 1\r\nContent-Type: application/json\r\n\r\n{"name": "encoded"}\r\n'
        b"--b 1\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b 1--\r\n"
    )
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority.ca_file)
        url = f"{server.endpoint}/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"
        headers = {"content-type": 'multipart/related; boundary="b 1"'}
        assert session.post(url, body, headers=headers, timeout=10).json()["contentType"] == "text/plain"
    client = client_of(server, authority)
    assert client.bucket(BUCKET).blob("encoded").download_as_bytes(timeout=10) == b"abc"
    client.close()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param("name", {"name"}, id="one"),
        pytest.param("size,name,nothing", {"name", "size"}, id="some, and one that is none"),
        pytest.param("", {"name", "size", "generation", "crc32c"}, id="none named"),
        pytest.param("name/size", {"name", "size", "generation", "crc32c"}, id="in a way that is not read"),
    ],
)
def test_an_answer_holds_the_fields_that_are_asked_for(
    server: StorageServer, authority: Authority, fields: str, told: set[str]
) -> None:
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority.ca_file)
        url = f"{server.endpoint}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=n"
        answer = session.post(url, b"abc", params={"fields": fields}, timeout=10).json()
    if "generation" in told:
        assert answer.keys() > told
    else:
        assert answer.keys() == told


def test_a_list_is_told_page_by_page_with_the_fields_that_are_asked_for(
    server: StorageServer, authority: Authority
) -> None:
    client = client_of(server, authority)
    for name in ("a/ü", "a/2", "a/1", "b/1"):
        client.bucket(BUCKET).blob(name).upload_from_string(b"x", timeout=10)
    client.close()
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority.ca_file)
        url = f"{server.endpoint}/storage/v1/b/{BUCKET}/o"
        asked = {"prefix": "a/", "maxResults": "2", "fields": "items(name,size),nextPageToken"}
        first = session.get(url, params=asked, timeout=10).json()
        second = session.get(url, params={**asked, "pageToken": first["nextPageToken"]}, timeout=10).json()
    assert first["items"] == [{"name": "a/1", "size": "1"}, {"name": "a/2", "size": "1"}]
    assert second == {"items": [{"name": "a/ü", "size": "1"}]}


def test_the_requests_of_a_batch_are_answered_in_their_order(server: StorageServer, authority: Authority) -> None:
    client = client_of(server, authority)
    bucket = client.bucket(BUCKET)
    for name in ("one", "a/2 ü"):
        bucket.blob(name).upload_from_string(b"x", timeout=10)
    with client.batch(raise_exception=False) as batch:
        for name in ("one", "none", "a/2 ü"):
            bucket.blob(name).delete()
    assert [int(answer.status_code) for answer in batch._responses] == [200, 404, 200]
    assert list(client.list_blobs(BUCKET)) == []
    client.close()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        pytest.param("multipart/related; boundary=b", b"--b\r\n\r\nDELETE /x HTTP/1.1\r\n--b--", id="another kind"),
        pytest.param("multipart/mixed", b"--b--", id="no boundary"),
        pytest.param("multipart/mixed; boundary=b", b"--b\r\n\r\nhello\r\n--b--", id="no request"),
        pytest.param(
            "multipart/mixed; boundary=b", b"--b\r\n\r\nDELETE /x HTTP/1.1\r\n" * 101 + b"--b--", id="too many"
        ),
    ],
)
def test_what_is_no_batch_is_refused(server: StorageServer, authority: Authority, kind: str, content: bytes) -> None:
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority.ca_file)
        url = f"{server.endpoint}/batch/storage/v1"
        assert session.post(url, content, headers={"content-type": kind}, timeout=10).status_code == 400


def test_resumable_upload_stays_on_tls(server: StorageServer, authority: Authority) -> None:
    client = client_of(server, authority)
    blob = client.bucket(BUCKET).blob("large", chunk_size=256 * 1024)
    body = bytes(range(256)) * 4_000
    with blob.open("wb") as file:
        file.write(body)
    assert blob.download_as_bytes(timeout=10) == body
    client.close()


def test_objects_survive_a_restart(settings: StorageSettings, authority: Authority) -> None:
    for first in (True, False):
        with StorageServer.start(settings) as server:
            client = client_of(server, authority)
            blob = client.bucket(BUCKET).blob("kept")
            if first:
                blob.upload_from_string(b"kept", timeout=10)
            assert blob.download_as_bytes(timeout=10) == b"kept"
            client.close()


def test_what_was_deleted_or_half_written_when_it_was_killed_does_not_come_back(
    settings: StorageSettings, authority: Authority
) -> None:
    with StorageServer.start(settings) as server:
        client = client_of(server, authority)
        for name in ("kept", "deleted"):
            client.bucket(BUCKET).blob(name).upload_from_string(name.encode(), timeout=10)
        [journal] = settings.directory.rglob(".journal")
        lines = journal.read_bytes()
        assert lines.count(b"\n") == 2
        client.bucket(BUCKET).blob("deleted").delete(timeout=10)
        client.close()
    assert not journal.exists()
    journal.write_bytes(lines + lines[:20])
    for written in ([], ["later"]):
        with StorageServer.start(settings) as server:
            client = client_of(server, authority)
            for name in written:
                client.bucket(BUCKET).blob(name).upload_from_string(b"later", timeout=10)
            client.close()
    with StorageServer.start(settings) as server:
        client = client_of(server, authority)
        assert [blob.name for blob in client.list_blobs(BUCKET)] == ["kept", "later"]
        client.close()


def test_what_is_written_after_a_deletion_survives_a_restart(settings: StorageSettings, authority: Authority) -> None:
    with StorageServer.start(settings) as server:
        client = client_of(server, authority)
        for name in ("first", "second"):
            client.bucket(BUCKET).blob("deleted").upload_from_string(b"", timeout=10)
            client.bucket(BUCKET).blob("deleted").delete(timeout=10)
            client.bucket(BUCKET).blob(name).upload_from_string(b"", timeout=10)
        client.close()
    with StorageServer.start(settings) as server:
        client = client_of(server, authority)
        assert [blob.name for blob in client.list_blobs(BUCKET)] == ["first", "second"]
        client.close()


def test_a_deletion_survives_a_kill_before_the_index_is_written(
    settings: StorageSettings, authority: Authority
) -> None:
    """A thousand deletions would write a thousand indexes; what is written at once is a line of each."""
    copy = settings.directory.with_name("killed")
    with StorageServer.start(settings) as server:
        client = client_of(server, authority)
        for name in ("kept", "gone by then", "again"):
            client.bucket(BUCKET).blob(name).upload_from_string(b"", timeout=10)
    with StorageServer.start(settings) as server:
        client = client_of(server, authority)
        for name in ("gone by then", "again"):
            client.bucket(BUCKET).blob(name).delete(timeout=10)
        client.bucket(BUCKET).blob("again").upload_from_string(b"", timeout=10)
        shutil.copytree(settings.directory, copy)
        client.close()
    assert list(copy.rglob(".journal"))
    with StorageServer.start(replace(settings, directory=copy)) as server:
        client = client_of(server, authority)
        assert [blob.name for blob in client.list_blobs(BUCKET)] == ["again", "kept"]
        assert not named_in(copy, "gone by then")
        client.close()


def test_a_name_that_was_deleted_stands_nowhere_soon(
    server: StorageServer, settings: StorageSettings, authority: Authority
) -> None:
    client = client_of(server, authority)
    client.bucket(BUCKET).blob("workspaces/deleted").upload_from_string(b"", timeout=10)
    assert named_in(settings.directory, "workspaces/deleted")
    client.bucket(BUCKET).blob("workspaces/deleted").delete(timeout=10)
    client.close()
    deadline = time.monotonic() + 20 * SETTLE_SECONDS
    while named_in(settings.directory, "workspaces/deleted"):
        assert time.monotonic() < deadline, "it is still named"
        time.sleep(SETTLE_SECONDS / 4)


def named_in(directory: Path, name: str) -> bool:
    """Whether any file has the name in it."""
    return any(name.encode() in path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_nothing_is_kept_of_what_was_deleted(
    server: StorageServer, settings: StorageSettings, authority: Authority
) -> None:
    """As the cloud's bucket is set (deploy/terraform/storage.tf); the emulator would keep it for a week."""
    blob = client_of(server, authority).bucket(BUCKET).blob("workspaces/w1/calls/c1.json")
    blob.upload_from_string(b"said in confidence", timeout=10)
    blob.delete(timeout=10)
    files = [one for one in settings.directory.rglob("*") if one.is_file()]
    assert files
    assert [one.name for one in files if b"said in confidence" in one.read_bytes()] == []


def test_parallel_writers_lose_nothing(server: StorageServer, authority: Authority) -> None:
    def write(number: int) -> None:
        client = client_of(server, authority)
        client.bucket(BUCKET).blob(f"many/{number}").upload_from_string(b"%d" % number, timeout=20)
        client.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    client = client_of(server, authority)
    assert len(list(client.list_blobs(BUCKET, prefix="many/"))) == 40
    client.close()


def test_nobody_can_wipe_it(server: StorageServer, authority: Authority) -> None:
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority.ca_file)
        assert session.get(f"{server.endpoint}/wipe", timeout=10).status_code == 404


def test_client_without_the_authority_does_not_connect(server: StorageServer) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.endpoint, timeout=10)


def test_plaintext_is_not_answered(server: StorageServer) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(server.endpoint.replace("https", "http"), timeout=10)


def test_a_client_that_resets_before_the_handshake_leaves_no_socket_open(
    server: StorageServer, authority: Authority
) -> None:
    client = client_of(server, authority)
    client.bucket(BUCKET).blob("before").upload_from_string(b"served", timeout=10)
    opened = _sockets()
    for _ in range(40):
        resetting = socket.create_connection(server.server_address)
        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        resetting.close()
    client.bucket(BUCKET).blob("after").upload_from_string(b"served", timeout=10)
    # A thread each deals with them, and may still be about to close its own.
    ended = time.monotonic() + 20
    while _sockets() > opened and time.monotonic() < ended:
        time.sleep(0.02)
    assert _sockets() <= opened
    client.close()


def _sockets() -> int:
    """How many sockets this process holds open."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # what listed them is closed by now
            found += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    return found


def test_a_client_that_says_nothing_holds_up_nobody(server: StorageServer, authority: Authority) -> None:
    silent = [socket.create_connection(server.server_address) for _ in range(40)]
    client = client_of(server, authority)
    client.bucket(BUCKET).blob("beside").upload_from_string(b"served", timeout=10)
    client.close()
    for one in silent:
        one.close()

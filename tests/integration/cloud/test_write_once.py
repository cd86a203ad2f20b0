"""Writing once, trying again, and Google's errors in our words: on a bucket that keeps conditions, which the emulator ignores."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http import HTTPStatus
from urllib.parse import unquote

import google_crc32c
import pytest
from aiohttp import web
from google.auth import exceptions as auth_errors

from cloud import Endpoint
from cloud.objects import LARGEST_OBJECT, GoogleObjects, WorkspaceObjects
from cloud.session import FixedToken
from core.errors import Conflict, NotFound, Permanent, Transient
from core.ids import WorkspaceId
from local.tls import Authority

TOLD = "what only the bucket should say"


@dataclass
class Bucket:
    """Keeps what was written first; answers the next requests with `failures`, then as Cloud Storage does."""

    kept: dict[str, tuple[dict[str, object], bytes]] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    lose_answers: int = 0
    asked: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        """One request of the JSON API."""
        self.asked += 1
        self.tokens.add(request.headers["Authorization"])
        if self.failures:
            # Where a status redirects, it leads back here: whoever follows is counted.
            return web.Response(status=self.failures.pop(0), text=TOLD, headers={"Location": str(request.url)})
        if request.method == "POST":
            return self._insert(request, await request.read())
        return self._look(request, unquote(request.raw_path.partition("?")[0].rpartition("/o/")[2]))

    def _insert(self, request: web.Request, body: bytes) -> web.Response:
        about, content = _parts(request.headers["Content-Type"], body)
        name = str(about["name"])
        if name in self.kept and request.query.get("ifGenerationMatch") == "0":
            return web.Response(status=HTTPStatus.PRECONDITION_FAILED, text=TOLD)
        self.kept[name] = (about, content)
        if self.lose_answers:
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(about)

    def _look(self, request: web.Request, name: str) -> web.Response:
        if name not in self.kept:
            return web.Response(status=HTTPStatus.NOT_FOUND, text=TOLD)
        about, content = self.kept[name]
        return web.Response(body=content) if request.query.get("alt") == "media" else web.json_response(about)


def _parts(content_type: str, body: bytes) -> tuple[dict[str, object], bytes]:
    """The metadata and the content of a multipart upload."""
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=policy.HTTP)
    about, content = (bytes(part.get_content()) for part in message.iter_parts())
    return json.loads(about), content


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
async def objects(bucket: Bucket, authority: Authority) -> AsyncIterator[WorkspaceObjects]:
    app = web.Application(client_max_size=2 * LARGEST_OBJECT)
    app.router.add_route("*", "/{path:.*}", bucket.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server("bucket").context())
    await site.start()
    port = runner.addresses[0][1]
    endpoint = Endpoint(address=f"https://127.0.0.1:{port}", ca_file=authority.ca_file, token="t-ingest")
    store = GoogleObjects(bucket="calls", endpoint=endpoint)
    yield store.workspace(WorkspaceId("org_acme"))
    await store.close()
    await runner.cleanup()


async def test_the_same_again_is_fine_and_other_content_is_a_conflict(
    objects: WorkspaceObjects, bucket: Bucket
) -> None:
    first = await objects.put("a.json", b"one")
    assert await objects.put("a.json", b"one") == first
    with pytest.raises(Conflict, match="written once"):
        await objects.put("a.json", b"two")
    assert await objects.get("a.json", first.sha256) == b"one"
    assert bucket.tokens == {"Bearer t-ingest"}


async def test_what_is_sent_carries_its_checksum(objects: WorkspaceObjects, bucket: Bucket) -> None:
    stored = await objects.put("a.json", b"one")
    about, content = bucket.kept[stored.name]
    assert about["crc32c"] == base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
    assert about["metadata"] == {"sha256": stored.sha256}


async def test_a_failure_that_passes_is_tried_again(objects: WorkspaceObjects, bucket: Bucket) -> None:
    bucket.failures = [503, 429]
    stored = await objects.put("a.json", b"one")
    bucket.failures = [500]
    assert await objects.get("a.json", stored.sha256) == b"one"


async def test_an_answer_that_is_lost_leaves_one_object(objects: WorkspaceObjects, bucket: Bucket) -> None:
    """The first attempt has written, the second is refused, and what is there is what was to be written."""
    bucket.lose_answers = 1
    stored = await objects.put("a.json", b"one")
    assert list(bucket.kept) == [stored.name]
    assert bucket.asked == 3


async def test_an_object_has_a_largest_size(objects: WorkspaceObjects, bucket: Bucket) -> None:
    with pytest.raises(Permanent, match="at most"):
        await objects.put("a.json", bytes(LARGEST_OBJECT + 1))
    assert bucket.asked == 0


async def test_one_that_is_too_large_is_not_read_to_its_end(objects: WorkspaceObjects, bucket: Bucket) -> None:
    stored = await objects.put("a.json", b"one")
    bucket.kept[stored.name] = (bucket.kept[stored.name][0], bytes(LARGEST_OBJECT + 5_000_000))
    with pytest.raises(Permanent, match="not readable"):
        await objects.get("a.json", stored.sha256)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(objects: WorkspaceObjects, bucket: Bucket, status: int) -> None:
    bucket.failures = [status]
    with pytest.raises(Permanent, match="refused the request"):
        await objects.put("a.json", b"one")
    bucket.failures = [status]
    with pytest.raises(Permanent, match="refused the request"):
        await objects.get("a.json", "0" * 64)
    assert bucket.asked == 2
    assert bucket.kept == {}


FAILURES = {
    400: Permanent,
    401: Permanent,
    403: Permanent,
    404: NotFound,
    408: Transient,
    429: Transient,
    503: Transient,
}


@pytest.mark.parametrize("status", FAILURES)
async def test_googles_errors_are_told_by_kind(
    objects: WorkspaceObjects, bucket: Bucket, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.storage.RETRY_SECONDS", 0.0)
    bucket.failures = [status] * 10
    with pytest.raises(Exception, match="object") as caught:
        await objects.put("a.json", b"one")
    assert type(caught.value) is FAILURES[status]
    assert TOLD not in str(caught.value)


@pytest.mark.parametrize("failure", [auth_errors.RefreshError, auth_errors.TransportError, TimeoutError])
async def test_without_an_identity_nothing_is_asked(
    objects: WorkspaceObjects, bucket: Bucket, failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_token: FixedToken) -> str:
        raise failure(TOLD)

    monkeypatch.setattr("cloud.storage.RETRY_SECONDS", 0.0)
    monkeypatch.setattr(FixedToken, "get", refused)
    with pytest.raises(Transient, match="not available") as caught:
        await objects.put("a.json", b"one")
    assert TOLD not in str(caught.value)
    assert bucket.asked == 0

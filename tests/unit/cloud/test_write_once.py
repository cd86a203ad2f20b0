"""Writing once, and Google's errors in our words: on a bucket that answers as told, since the emulator ignores conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pytest
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from requests import exceptions as requests_errors

from cloud.names import prefix_of
from cloud.objects import LARGEST_OBJECT, _BucketFolder
from core.errors import Conflict, NotFound, Permanent, Transient
from core.ids import WorkspaceId


@dataclass
class Blob:
    """One name in the bucket."""

    bucket: Bucket
    name: str
    metadata: dict[str, str] | None = None

    def upload_from_string(self, data: bytes, content_type: str, *, if_generation_match: int, **rest: object) -> None:
        if self.bucket.failure is not None:
            raise self.bucket.failure
        if if_generation_match == 0 and self.name in self.bucket.kept:
            taken: Callable[..., Exception] = google_errors.PreconditionFailed
            raise taken("there already")
        self.bucket.kept[self.name] = self.metadata or {}

    def reload(self, **rest: object) -> None:
        self.metadata = self.bucket.kept[self.name]


@dataclass
class Bucket:
    """Keeps what was written first."""

    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    failure: Exception | None = None

    def blob(self, name: str) -> Blob:
        return Blob(self, name)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def objects(bucket: Bucket) -> Iterator[_BucketFolder]:
    with ThreadPoolExecutor(1) as threads:
        yield _BucketFolder(bucket, threads, prefix_of(WorkspaceId("org_acme")))


async def test_the_same_again_is_fine_and_other_content_is_a_conflict(objects: _BucketFolder) -> None:
    first = await objects.put("a.json", b"one")
    assert await objects.put("a.json", b"one") == first
    with pytest.raises(Conflict, match="written once"):
        await objects.put("a.json", b"two")


async def test_an_object_has_a_largest_size(objects: _BucketFolder) -> None:
    with pytest.raises(Permanent, match="at most"):
        await objects.put("a.json", bytes(LARGEST_OBJECT + 1))


# As factories, since Google's classes carry no types.
FAILURES: dict[Callable[..., Exception], type[Exception]] = {
    google_errors.NotFound: NotFound,
    google_errors.Forbidden: Permanent,
    google_errors.TooManyRequests: Transient,
    google_errors.ServiceUnavailable: Transient,
    partial(google_errors.RetryError, cause=None): Transient,
    auth_errors.RefreshError: Transient,
    requests_errors.ConnectionError: Transient,
    requests_errors.ReadTimeout: Transient,
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_googles_errors_are_told_by_kind(
    objects: _BucketFolder, bucket: Bucket, failure: Callable[..., Exception]
) -> None:
    bucket.failure = failure("the bucket's own words")
    with pytest.raises(Exception, match="object") as caught:
        await objects.put("a.json", b"one")
    assert type(caught.value) is FAILURES[failure]
    assert "own words" not in str(caught.value)

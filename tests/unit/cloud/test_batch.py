"""Deletions of many objects in one request: what is sent, and what is read of the answer."""

from email.message import Message
from email.parser import BytesParser

import pytest

from cloud.batch import MOST_DELETIONS, Version, deletions, not_deleted

NAMES = [Version("workspaces/org_1/calls/1.json", "17"), Version("a b/ü?x=1#\r\n\r\nDELETE /y", "")]
KIND = "multipart/mixed; boundary=b1"


def answered(*lines: str, end: str = "--b1--\r\n") -> bytes:
    """An answer with these first lines of its parts."""
    head = "Content-Type: application/http\r\nContent-ID: <response-0>\r\n\r\n"
    return ("".join(f"--b1\r\n{head}{line}\r\nContent-Length: 0\r\n\r\n\r\n" for line in lines) + end).encode()


def test_each_part_is_one_deletion_and_no_name_adds_to_it() -> None:
    kind, content = deletions("bucket-1", NAMES)
    parts = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + content).get_payload()
    assert isinstance(parts, list)
    assert [str(part.get_payload()).strip() for part in parts if isinstance(part, Message)] == [
        "DELETE /storage/v1/b/bucket-1/o/workspaces%2Forg_1%2Fcalls%2F1.json?generation=17 HTTP/1.1",
        "DELETE /storage/v1/b/bucket-1/o/a%20b%2F%C3%BC%3Fx%3D1%23%0D%0A%0D%0ADELETE%20%2Fy HTTP/1.1",
    ]


def test_more_than_a_request_may_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 100"):
        deletions("b", [Version("a")] * (MOST_DELETIONS + 1))


@pytest.mark.parametrize("kind", [KIND, 'multipart/mixed; boundary="b1"'])
def test_what_is_gone_now_or_before_is_deleted(kind: str) -> None:
    answer = answered("HTTP/1.1 204 No Content", "HTTP/1.1 404 Not Found")
    assert not_deleted(NAMES, kind, answer) == []


@pytest.mark.parametrize(
    "status", ["503 Service Unavailable", "429 Too Many Requests", "403 Forbidden", "200x", "302 Found"]
)
def test_a_part_that_says_anything_else_leaves_its_version(status: str) -> None:
    answer = answered("HTTP/1.1 204 No Content", f"HTTP/1.1 {status}")
    assert not_deleted(NAMES, KIND, answer) == NAMES[1:]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        pytest.param("application/json", b'{"kind": "storage#objects"}', id="no batch"),
        pytest.param("multipart/mixed", answered("HTTP/1.1 204 No Content"), id="no boundary"),
        pytest.param(KIND, answered("HTTP/1.1 204 No Content"), id="too few"),
        pytest.param(KIND, answered(*["HTTP/1.1 204 No Content"] * 3), id="too many"),
        pytest.param(KIND, answered(*["HTTP/1.1 204 No Content"] * 2, end=""), id="cut short"),
        pytest.param(KIND, b"", id="nothing"),
    ],
)
def test_an_answer_that_is_not_understood_says_of_none_that_it_is_gone(kind: str, answer: bytes) -> None:
    assert not_deleted(NAMES, kind, answer) == NAMES

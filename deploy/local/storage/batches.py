"""Several requests in one, as cloud.google.com/storage/docs/batch has them: taken apart, each to be answered as if it had come alone.

The emulator reads them itself, but with the parser of e-mail, without the queries of the requests, and with a line of its log for each.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from python_multipart.multipart import parse_options_header

PATH = "/batch/storage/v1"

# More in one request are refused.
MOST_REQUESTS = 100

# Google's own client names the host as well.
_REQUEST = re.compile(rb"([A-Z]+) (?:https?://[^/\s]+)?(/\S*) HTTP/1\.1")
# The same client ends its lines as this machine does.
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_ID = re.compile(rb"^Content-ID: *<([^>\r\n]*)>", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch: its method, its path with the query, its content, and by what its answer is known."""

    method: str
    path: str
    body: bytes
    content_id: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one of them."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


def parts(content_type: str | None, content: bytes) -> list[Part]:
    """The requests. Raises ValueError for what is no batch, or holds too many."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/mixed" or not boundary:
        raise ValueError("a batch is multipart/mixed")
    found = [_part(part) for part in re.split(rb"\r?\n--" + re.escape(boundary), b"\n" + content)[1:-1]]
    if len(found) > MOST_REQUESTS:
        raise ValueError(f"a batch holds at most {MOST_REQUESTS} requests")
    return found


def _part(part: bytes) -> Part:
    about, request, body = [*_EMPTY_LINE.split(part, maxsplit=2), b"", b""][:3]
    line = _REQUEST.match(request)
    if line is None:
        raise ValueError("a part of a batch holds no request")
    known = _ID.search(about)
    return Part(line[1].decode(), line[2].decode("ascii"), body, known[1] if known else b"")


def answer(requests: Sequence[Part], answers: Sequence[Answer]) -> tuple[str, bytes]:
    """The content type and the content that tell of all, in the order of the requests."""
    boundary = f"batch_{secrets.token_hex(16)}"
    told = [_told(boundary, one, became) for one, became in zip(requests, answers, strict=True)]
    return f"multipart/mixed; boundary={boundary}", b"".join([*told, f"--{boundary}--\r\n".encode()])


def _told(boundary: str, request: Part, became: Answer) -> bytes:
    return b"\r\n".join([*_lines(boundary, request, became), b"", became.body, b""])


def _lines(boundary: str, request: Part, became: Answer) -> Iterator[bytes]:
    yield f"--{boundary}".encode()
    yield b"Content-Type: application/http"
    yield b"Content-ID: <response-" + request.content_id + b">"
    yield b""
    yield f"HTTP/1.1 {became.status} {HTTPStatus(became.status).phrase}".encode()
    for name, value in became.headers:
        yield name + b": " + value

"""What lies inside of stored bytes: compressed content is looked into as well."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

# Of one value or file, unpacked; what is larger is searched up to here and reported.
LARGEST = 256 * 1024 * 1024

_GZIP = b"\x1f\x8b"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_ZSTD = b"\x28\xb5\x2f\xfd"


class NotSearched(Exception):
    """Something is stored in a way that this program cannot look into: it says so rather than pass over it."""


def layers(content: bytes) -> Iterator[bytes]:
    """The content, and what is packed in it, layer by layer. Raises NotSearched."""
    while True:
        yield content
        inner = _unpacked(content)
        if inner is None:
            return
        content = inner


def may_be_packed(content: bytes) -> bool:
    """Whether content that begins so may be packed."""
    return content.startswith((_GZIP, *_ZLIB, _ZSTD))


def _unpacked(content: bytes) -> bytes | None:
    if content.startswith(_ZSTD):
        raise NotSearched("something is packed with zstd")
    if not may_be_packed(content):
        return None
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        inner = stream.decompress(content, LARGEST)
    except zlib.error:
        return None
    if stream.unconsumed_tail:
        raise NotSearched(f"something packed holds more than {LARGEST} bytes")
    return inner

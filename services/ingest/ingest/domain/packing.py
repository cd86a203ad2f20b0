"""A call's metadata, packed to be kept while its transcript is fetched: a few hundred bytes instead of a few dozen objects."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import cast

from msgspec import Struct

from ingest.domain.calls import Call, Metadata, described

# Level 6 is zlib's own default; metadata is short, so that more would gain nothing.
_LEVEL = 6


class Packed(Struct, frozen=True):
    """The bytes, and the SHA-256 (hex) of what they hold: two calls with the same one are the same in all that Callmine reads of them."""

    content: bytes
    checksum: str


def pack_call(call: Call) -> Packed:
    """The metadata of `call`; the same call gives the same checksum."""
    plain = json.dumps(described(call), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return Packed(zlib.compress(plain, _LEVEL), hashlib.sha256(plain).hexdigest())


def unpack(content: bytes) -> Metadata:
    """The metadata that was packed, as plain data."""
    return cast(Metadata, json.loads(zlib.decompress(content)))

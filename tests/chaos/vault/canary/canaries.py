"""Canaries: credentials that exist nowhere else in the world, in every form in which one might be left behind.

A canary is looked for in windows of sixteen characters that overlap by half, so that what is left of it is found as long as 23 characters
in a row are: an allocator writes its own links over the first bytes of memory that was given back.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

WINDOW = 16
_STEP = 8

# Standard base64 works on three bytes at a time: whatever comes before a text shifts it to one of three alignments.
_ALIGNMENTS = range(3)


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret with a name.

    `requester` is the service that is granted it, empty for one that must never leave the vault.
    """

    name: str
    text: str = field(repr=False)
    requester: str = ""

    def __post_init__(self) -> None:
        """Refuse one that is too short to be told from chance."""
        if len(self.text) < WINDOW:
            raise ValueError(f"{self.name} has fewer than {WINDOW} characters: it could not be told from chance")

    def windows(self) -> list[str]:
        """The pieces that are looked for; together they cover all of it."""
        last = len(self.text) - WINDOW
        starts = sorted({*range(0, last, _STEP), last})
        return [self.text[start : start + WINDOW] for start in starts]


@dataclass(frozen=True, slots=True)
class Needle:
    """One piece of a canary in one form."""

    canary: Canary
    form: str
    content: bytes = field(repr=False)


def needles(canary: Canary) -> list[Needle]:
    """Every piece of the canary in every form, each once."""
    found = {
        content: Needle(canary, form, content)
        for piece in canary.windows()
        for form, content in reversed([*_forms(piece)])
    }
    return list(found.values())


def _forms(piece: str) -> Iterator[tuple[str, bytes]]:
    """What a piece of text becomes on its way through programs. Python keeps text with wide characters as UTF-16 or UTF-32 in memory."""
    plain = piece.encode()
    yield "plain", plain
    yield "reversed", plain[::-1]
    yield "UTF-16", piece.encode("utf-16-le")[:-1]  # without its last zero it is part of the big-endian form as well
    yield "UTF-32", piece.encode("utf-32-le")[:-3]
    yield "hex", plain.hex().encode()
    yield "upper-case hex", plain.hex().upper().encode()
    yield "URL-encoded", quote(piece, safe="").encode()
    yield "fully URL-encoded", "".join(f"%{byte:02X}" for byte in plain).encode()
    yield "JSON escapes", "".join(f"\\u{ord(character):04x}" for character in piece).encode()
    yield "reversed JSON escapes", "".join(f"\\u{ord(character):04x}" for character in reversed(piece)).encode()
    yield "hex escapes", "".join(f"\\x{byte:02x}" for byte in plain).encode()
    for alignment in _ALIGNMENTS:
        yield "base64", _base64(plain, alignment)
        yield "URL-safe base64", _base64(plain, alignment).translate(bytes.maketrans(b"+/", b"-_"))


def _base64(plain: bytes, alignment: int) -> bytes:
    """The characters of the base64 of a longer text that only `plain` decides, when it stands `alignment` bytes after a multiple of three.

    This covers the base64 of `key:secret` too, which basic authentication sends.
    """
    encoded = base64.b64encode(bytes(alignment) + plain).rstrip(b"=")
    whole = (alignment + len(plain)) * 8 // 6  # the character after these holds bits of what follows
    return encoded[-(-alignment * 8 // 6) : whole]

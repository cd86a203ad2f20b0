"""The certificate in print: `certificate.typ` is the program, the signed statement is its data."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import typst

_PROGRAM = Path(__file__).with_name("certificate.typ")

# Those that come with typst: all that is printed is ids, numbers and our own words.
_FONTS = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


class NotTypeset(Exception):
    """typst refused the certificate."""


def pdf_of(signed: str, keys: Sequence[str]) -> bytes:
    """The PDF of a signed statement, with the public keys to check it with: the same bytes for the same statement. Raises NotTypeset."""
    payload = base64.b64decode(json.loads(signed)["payload"])
    told = json.loads(payload)["predicate"]
    values = {"told": told, "digest": sha256(payload).hexdigest(), "keys": list(keys)}
    nowhere = str(_PROGRAM.parent / "no-packages")
    try:
        compiler = typst.Compiler(
            _PROGRAM.read_bytes(),
            root=str(_PROGRAM.parent),
            font_paths=_FONTS,
            ignore_system_fonts=True,
            sys_inputs={"certificate": json.dumps(values)},
            package_path=nowhere,
            package_cache_path=nowhere,
        )
        completed = datetime.fromisoformat(told["completed_at"]).astimezone(UTC).replace(microsecond=0)
        made = compiler.compile(format="pdf", timestamp=completed)
    except typst.TypstError as error:
        raise NotTypeset from error
    if not isinstance(made, bytes):
        raise NotTypeset
    return made

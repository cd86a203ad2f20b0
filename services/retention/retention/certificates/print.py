"""The certificate in print: `certificate.typ` is the program, the signed statement is its data."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typst import Fonts

_PROGRAM = Path(__file__).with_name("certificate.typ")


class NotTypeset(Exception):
    """typst refused the certificate."""


@cache
def fonts() -> Fonts:
    """Those that come with typst: all that is printed is ids, numbers and our own words."""
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


def pdf_of(signed: str, keys: Sequence[str]) -> bytes:
    """The PDF of a signed statement, with the public keys to check it with: the same bytes for the same statement. Raises NotTypeset.

    Loads typst with its first use: for a thread.
    """
    import typst

    payload = base64.b64decode(json.loads(signed)["payload"])
    told = json.loads(payload)["predicate"]
    values = {"told": told, "digest": sha256(payload).hexdigest(), "keys": list(keys)}
    nowhere = str(_PROGRAM.parent / "no-packages")
    try:
        compiler = typst.Compiler(
            _PROGRAM.read_bytes(),
            root=str(_PROGRAM.parent),
            font_paths=fonts(),
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

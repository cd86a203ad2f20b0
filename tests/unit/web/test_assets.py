"""Files beside pages have a type that every browser is told the same on every machine."""

from __future__ import annotations

import pytest

from web.assets import _asset


def test_an_ending_says_the_type() -> None:
    assert {name: _asset(name, b"").media_type for name in ("a.css", "b.js", "c.svg")} == {
        "a.css": "text/css",
        "b.js": "text/javascript",
        "c.svg": "image/svg+xml",
    }


@pytest.mark.parametrize("name", ["d.png", "e", "f.CSS"])
def test_an_ending_that_nobody_has_named_is_said_so_at_the_start(name: str) -> None:
    with pytest.raises(ValueError, match="add its media type"):
        _asset(name, b"")

"""The colours of the style sheet: text reaches WCAG 2.2 level AA on what it stands on, in light and in dark."""

from __future__ import annotations

import re
from importlib import resources

import pytest

# Text and its background; 4.5:1 is success criterion 1.4.3.
TEXT = [
    *[("ink", ground) for ground in ("paper", "surface", "sunken", "accent-soft")],
    *[("ink-soft", ground) for ground in ("paper", "surface", "sunken")],
    *[("link", ground) for ground in ("paper", "surface")],
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    *[(tone, ground) for tone in ("good", "warn", "bad", "info") for ground in (f"{tone}-soft", "surface")],
    *[("ink", f"{tone}-soft") for tone in ("good", "warn", "bad", "info")],
]

# Borders of inputs, focus rings and bars; 3:1 is success criterion 1.4.11.
SHAPES = [("line-strong", "surface"), ("accent", "surface"), ("accent", "paper"), ("accent", "sunken")]


def _palettes() -> dict[str, dict[str, str]]:
    sheet = (resources.files("web") / "static" / "callmine.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in (light, dark)]
    return {"light": found[0], "dark": found[0] | found[1]}


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_shapes_be_seen(scheme: str) -> None:
    palette = _palettes()[scheme]
    wanted = [(pair, 4.5) for pair in TEXT] + [(pair, 3.0) for pair in SHAPES]
    weak = {
        pair: round(_contrast(palette[pair[0]], palette[pair[1]]), 2)
        for pair, least in wanted
        if _contrast(palette[pair[0]], palette[pair[1]]) < least
    }
    assert weak == {}


def test_both_schemes_name_the_same_colours() -> None:
    sheet = (resources.files("web") / "static" / "callmine.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    names = [set(re.findall(r"--([a-z-]+): #", block)) for block in (light, dark)]
    assert names[0] == names[1]

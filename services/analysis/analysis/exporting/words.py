"""How numbers, times and foreign text are written in files. The formats of pages come with the web framework, which makers do not load."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

# Not allowed in XML 1.0, or without a shape: control characters but tab and line feed, halves of surrogate pairs, non-characters.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

# They would turn round whatever is printed after them, such as a speaker's name; the letters themselves say which way they run.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def printable(text: str) -> str:
    """`text` without what cannot be printed and what would turn the text around it; line ends as \\n."""
    return _TURNS.sub("", _NO_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def line(text: str) -> str:
    """`text`, printable, in one line."""
    return " ".join(printable(text).split())


def paragraphs(text: str) -> list[str]:
    """The lines of `text` that say something, printable."""
    return [line(part) for part in printable(text).split("\n") if part.strip()]


def runs_left(text: str) -> bool:
    """Whether `text` is written from right to left: its first letter with a direction decides."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def number(value: float) -> str:
    """`12,345` or `12,345.5`."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 call`, `12 calls`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """`37 %` of a share from 0 to 1."""
    return f"{100 * share:.0f} %"


def clock(milliseconds: float) -> str:
    """A place in a call: `4:05`, or `1:04:05` from an hour on."""
    minutes, seconds = divmod(int(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def day(moment: datetime) -> str:
    """`14 Mar 2026`."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def minute(moment: datetime) -> str:
    """`14 Mar 2026, 09:05 CET`."""
    name = moment.tzname() or "UTC"
    return f"{day(moment)}, {moment:%H:%M} {f'UTC{name}' if name[:1] in {'+', '-'} else name}"


# Not strftime's: that follows the machine's locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

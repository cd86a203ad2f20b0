"""What is posted to a channel, as Block Kit: title, headline numbers, largest themes, a link. Pure.

    message = report_message(PostedReport(...), "https://app.callmine.ai/reports/0190...")

Text that people or a model wrote goes into `plain_text` objects only, which Slack does not read as markup: no mention, link, emoji or
formatting can come of it. `&`, `<` and `>` are escaped there too, as Slack asks of all text
(https://docs.slack.dev/messaging/formatting-message-text). `mrkdwn` holds nothing but this file's own words, numbers and the link.
Limits: https://docs.slack.dev/reference/block-kit/blocks. No quote, claim, summary or name of a call or person is in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

# Slack's: of a header's text, and of a section's. Counted with the escapes, which is never too little.
LONGEST_HEADER: Final = 150
LONGEST_SECTION: Final = 3000

# Of the line that notifications and screen readers show.
_LONGEST_LINE: Final = 300

MOST_THEMES: Final = 5
_LONGEST_THEME: Final = 120

Block = Mapping[str, object]

_ESCAPED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Controls, and characters that turn the direction of what follows or cannot be seen.
_NOT_SHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class ChannelMessage(Struct, frozen=True):
    """A message: its blocks, and `text`, what notifications show instead of them."""

    text: str
    blocks: Sequence[Block]


class PostedReport(Struct, frozen=True):
    """What is told of a report. `themes`: label and calls, the largest first; `matching` None where that is not known."""

    title: str
    days: str
    analysed: int
    matching: int | None
    findings: int
    quotes: int
    theme_count: int
    themes: Sequence[tuple[str, int]]
    scheduled: bool


def report_message(report: PostedReport, address: str) -> ChannelMessage:
    """The message of a finished report; `address` is its page."""
    title = _plain_words(report.title)
    numbers = (
        ("Calls analysed", _of(report.analysed, report.matching)),
        ("Themes", f"{report.theme_count:,}"),
        ("Findings", f"{report.findings:,}"),
        ("Quotes verified", f"{report.quotes:,}"),
    )
    what = "Scheduled report" if report.scheduled else "Report"
    blocks: list[Block] = [
        {"type": "header", "text": _plain(title, LONGEST_HEADER)},
        {"type": "context", "elements": [_plain(f"{what} on the calls of {report.days}", _LONGEST_LINE)]},
        {"type": "section", "fields": [_marked(f"*{name}*\n{value}") for name, value in numbers]},
    ]
    if report.themes:
        blocks += [
            {"type": "section", "text": _marked("*Top themes*")},
            {"type": "section", "text": {"type": "plain_text", "text": _themes(report), "emoji": False}},
        ]
    else:
        blocks.append({"type": "section", "text": _marked("None of the calls says anything about the question.")})
    blocks.append({"type": "section", "text": _marked(f"<{address}|Open the report in Callmine>")})
    calls = "call" if report.analysed == 1 else "calls"
    line = f"Report: {_cut(title, 150)} - {report.analysed:,} {calls}, {report.theme_count:,} themes"
    return ChannelMessage(_escaped(line), blocks)


def failure_message(title: str, address: str) -> ChannelMessage:
    """The message of a schedule's run that has failed; `address` is its page, which says why."""
    words = _plain_words(title)
    blocks: list[Block] = [
        {"type": "header", "text": _plain(words, LONGEST_HEADER)},
        {"type": "section", "text": _marked("The scheduled run failed, so there is no report this time.")},
        {"type": "section", "text": _marked(f"<{address}|See why in Callmine>")},
    ]
    return ChannelMessage(_escaped(f"No report: {_cut(words, 150)}"), blocks)


def _themes(report: PostedReport) -> str:
    """A line for each of the largest themes."""
    lines = []
    for number, (label, calls) in enumerate(report.themes[:MOST_THEMES], 1):
        share = round(100 * calls / report.analysed) if report.analysed else 0
        name = _escaped(_cut(_plain_words(label), _LONGEST_THEME)) or "Unnamed"
        lines.append(f"{number}. {name} - {calls:,} {'call' if calls == 1 else 'calls'} ({share} %)")
    more = report.theme_count - min(len(report.themes), MOST_THEMES)
    if more > 0:
        lines.append(f"and {more:,} more")
    return "\n".join(lines)


def _of(part: int, whole: int | None) -> str:
    return f"{part:,}" if whole is None else f"{part:,} of {whole:,} that matched"


def _plain(text: str, longest: int) -> dict[str, object]:
    return {"type": "plain_text", "text": _escaped(_cut(text, longest)) or "Report", "emoji": False}


def _marked(text: str) -> dict[str, object]:
    """This file's own words. `verbatim`: nothing is made of them beyond what is marked."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain_words(text: str) -> str:
    """Without line ends, controls and what turns the direction of text."""
    return "".join(c for c in " ".join(text.split()) if unicodedata.category(c) not in _NOT_SHOWN)


def _cut(text: str, longest: int) -> str:
    """As much of `text` as fits, once it is escaped."""
    if len(_escaped(text)) <= longest:
        return text
    room, kept = longest - 1, []
    for character in text:
        room -= len(_ESCAPED.get(character, character))
        if room < 0:
            break
        kept.append(character)
    return f"{''.join(kept).rstrip()}…"


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in text)

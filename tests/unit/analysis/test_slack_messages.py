"""What is posted to a channel: within Slack's limits, nothing of it markup that people or a model wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from slack_sdk.models.blocks import Block

from analysis.slack.messages import (
    LONGEST_HEADER,
    LONGEST_SECTION,
    MOST_THEMES,
    ChannelMessage,
    PostedReport,
    failure_message,
    report_message,
)
from analysis.slack.reports import posted_report
from local.sandbox.slack.blocks import fault_of, mentions_in

ADDRESS = "https://app.callmine.example/reports/0190aaaa-0000-7000-8000-000000000001"
REPORT = PostedReport(
    title="What do buyers say about price?",
    days="2026-11-01 to 2026-11-07",
    analysed=36,
    matching=40,
    findings=51,
    quotes=88,
    theme_count=7,
    themes=[("Price too high", 14), ("Discounts", 9), ("R&D <budget>", 1)],
    scheduled=False,
)
WORST = "<!channel> <!here|x> <@U012ABCDE> *bold* _it_ ~no~ `code` > quoted & <https://evil.example|Open the report> :smile: @channel"


def texts(message: ChannelMessage) -> Iterator[Mapping[str, object]]:
    """Every text object of the blocks."""

    def within(value: object) -> Iterator[Mapping[str, object]]:
        if isinstance(value, Mapping):
            if value.get("type") in {"plain_text", "mrkdwn"}:
                yield value
            else:
                for inner in value.values():
                    yield from within(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                yield from within(inner)

    return within(list(message.blocks))


def vendors_faults(message: ChannelMessage) -> None:
    """Slack's own SDK raises where one of its limits is passed."""
    for block in message.blocks:
        parsed = Block.parse(dict(block))
        assert parsed is not None, "a type of block that Slack does not have"
        parsed.validate_json()
        assert parsed.to_dict()["type"] == block["type"]


def shown(text: object) -> str:
    """What a reader sees of an escaped text."""
    assert isinstance(text, str)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_a_report_is_told_by_title_numbers_themes_and_link() -> None:
    message = report_message(REPORT, ADDRESS)
    said = [shown(one["text"]) for one in texts(message)]
    assert said == [
        "What do buyers say about price?",
        "Report on the calls of 2026-11-01 to 2026-11-07",
        "*Calls analysed*\n36 of 40 that matched",
        "*Themes*\n7",
        "*Findings*\n51",
        "*Quotes verified*\n88",
        "*Top themes*",
        "1. Price too high - 14 calls (39 %)\n2. Discounts - 9 calls (25 %)\n3. R&D <budget> - 1 call (3 %)\nand 4 more",
        f"<{ADDRESS}|Open the report in Callmine>",
    ]
    assert message.text == "Report: What do buyers say about price? - 36 calls, 7 themes"
    vendors_faults(message)


def test_a_report_without_themes_says_so() -> None:
    message = report_message(replace(REPORT, themes=[], theme_count=0, matching=None, scheduled=True), ADDRESS)
    said = "\n".join(str(one["text"]) for one in texts(message))
    assert "None of the calls says anything about the question." in said
    assert "Scheduled report on" in said
    assert "*Calls analysed*\n36\n" in said
    vendors_faults(message)


def test_a_failed_run_is_told_without_its_reason() -> None:
    message = failure_message("Price every week", "https://app.callmine.example/runs/1")
    vendors_faults(message)
    assert message.text == "No report: Price every week"
    assert "https://app.callmine.example/runs/1" in json.dumps(message.blocks)


any_text = st.text(max_size=400) | st.sampled_from(
    [WORST, WORST * 40, "&" * 500, "<" * 3_000, "\u202eabc", "a\nb\r\n\tc", ""]
)


@given(
    title=any_text,
    themes=st.lists(st.tuples(any_text, st.integers(0, 10**6)), max_size=12),
    more=st.integers(0, 10**6),
    analysed=st.integers(0, 10**6),
)
def test_whatever_the_texts_are_slack_takes_it_and_reads_no_markup(
    title: str, themes: list[tuple[str, int]], more: int, analysed: int
) -> None:
    report = replace(REPORT, title=title, themes=themes, theme_count=len(themes) + more, analysed=analysed)
    for message in (report_message(report, ADDRESS), failure_message(title, ADDRESS)):
        vendors_faults(message)
        assert fault_of(list(message.blocks)) == ""
        assert mentions_in(message.text, list(message.blocks)) == []
        marked = [str(one["text"]) for one in texts(message) if one["type"] == "mrkdwn"]
        fixed = report_message(replace(report, title="T", themes=[("x", n) for _, n in themes]), ADDRESS)
        known = {str(one["text"]) for one in texts(fixed)} | {
            str(o["text"]) for o in texts(failure_message("T", ADDRESS))
        }
        assert set(marked) <= known, "what is marked up does not depend on anybody's text"
        for one in texts(message):
            words = str(one["text"])
            if one["type"] == "plain_text":
                assert one["emoji"] is False
                assert "<" not in words
                assert ">" not in words
                assert 1 <= len(words) <= LONGEST_SECTION
        assert len(str(message.blocks[0]["text"]["text"])) <= LONGEST_HEADER  # type: ignore[index]
        assert len(message.text) <= 300


def test_no_more_themes_are_named_than_a_reader_wants() -> None:
    many = [(f"Theme {number}", 100 - number) for number in range(40)]
    said = "\n".join(
        str(one["text"]) for one in texts(report_message(replace(REPORT, themes=many, theme_count=40), ADDRESS))
    )
    assert f"Theme {MOST_THEMES - 1}" in said
    assert f"Theme {MOST_THEMES} " not in said
    assert f"and {40 - MOST_THEMES} more" in said


def test_a_long_title_is_cut_and_not_in_the_middle_of_an_escape() -> None:
    message = report_message(replace(REPORT, title="&" * 200), ADDRESS)
    header = str(message.blocks[0]["text"]["text"])  # type: ignore[index]
    assert header == "&amp;" * 29 + "…"


def test_nothing_else_of_the_document_is_told() -> None:
    document = {
        "headline": "SECRET",
        "summary": [{"sentence": "SECRET"}],
        "numbers": {"calls_analysed": 2, "calls_matching": None, "findings": 3, "quotes_verified": 4},
        "question": {"brief": "SECRET", "first_day": "2026-11-01", "last_day": "2026-11-01"},
        "themes": [{"label": "Price", "calls": 2, "findings": [{"claim": "SECRET", "quotes": [{"text": "SECRET"}]}]}],
        "calls": [{"title": "SECRET"}],
    }
    message = report_message(posted_report(document, "Title", scheduled=True), ADDRESS)
    assert "SECRET" not in message.text + json.dumps(message.blocks)
    assert "on the calls of 2026-11-01" in json.dumps(message.blocks)


@pytest.mark.parametrize(
    "blocks", [[{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], [{"type": "nonsense"}]]
)
def test_the_sandbox_refuses_what_slack_refuses(blocks: list[dict[str, object]]) -> None:
    assert fault_of(blocks).startswith("blocks[0]: ")

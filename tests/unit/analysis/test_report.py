"""The same results always give the same numbers, whatever order they came in."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.domain.finding import CallAnalysis, CallAnswer, ClaimedFinding, Finding, Sentiment, Verdict, check_answer
from analysis.domain.quotes import ClaimedQuote, Quote
from analysis.domain.report import FailedCall, digest
from analysis.domain.summary import SummarySentence, keep_true, summarised, summary_of_counts
from analysis.domain.themes import theme_key
from analysis.domain.transcript import Affiliation, Call, Party, Sentence
from analysis.models.masking import Mask
from analysis.models.prompts import synthesise

QUOTE = Quote("s1", "The price is high.", "Tomás", Affiliation.EXTERNAL, 4000)


def finding(theme: str, sentiment: Sentiment = Sentiment.NEGATIVE) -> Finding:
    return Finding(theme, f"Something about {theme}.", sentiment, (QUOTE,))


def call(
    call_id: str, *findings: Finding, rep: str = "Maya", segment: str = "SMB", talk: tuple[int, int] = (40, 100)
) -> CallAnalysis:
    return CallAnalysis(
        call_id, f"Call {call_id}", "Acme", rep, segment, Verdict.YES, "…", talk[0], talk[1], findings, 1
    )


def test_themes_are_grouped_by_label_and_ranked_by_calls() -> None:
    totals = digest(
        [
            call("1", finding("Price too high"), finding("Timing")),
            call("2", finding("price too high"), finding("Security review")),
            call("3", finding("Price, too high!"), finding("Security reviews"), rep="Ada", segment="Enterprise"),
        ],
        [FailedCall("4", "Call 4", "the model refused to answer")],
    )
    assert [(theme.label, theme.calls, len(theme.findings)) for theme in totals.themes] == [
        ("Price too high", 3, 3),
        ("Security review", 2, 2),
        ("Timing", 1, 1),
    ]
    assert [item.id for theme in totals.themes for item in theme.findings] == ["f1", "f2", "f3", "f4", "f5", "f6"]
    numbers = totals.numbers
    assert (numbers.calls_analysed, numbers.calls_failed, numbers.findings, numbers.quotes, numbers.quotes_dropped) == (
        3,
        1,
        6,
        6,
        3,
    )
    assert [(row.name, row.calls, row.findings) for row in totals.reps] == [("Maya", 2, 4), ("Ada", 1, 2)]
    assert [(row.name, row.calls) for row in totals.segments] == [("SMB", 2), ("Enterprise", 1)]


def test_talk_share_is_weighted_by_length() -> None:
    totals = digest([call("1", talk=(10, 100)), call("2", talk=(300, 400)), call("3", rep="Ada", talk=(0, 0))], [])
    shares = {row.name: row.measures.talk_share for row in totals.reps}
    assert shares == {"Maya": 0.62, "Ada": None}


@given(st.permutations(["Price too high", "price  too high", "PRICE too high", "Prices too high", "price-too-high"]))
def test_the_label_does_not_depend_on_the_order(spellings: list[str]) -> None:
    totals = digest([call(str(n), finding(label)) for n, label in enumerate(spellings)], [])
    (theme,) = totals.themes
    assert theme.label == min(spellings)
    assert theme.calls == len(spellings)


def test_a_double_s_is_no_plural() -> None:
    assert theme_key("Process") == "process"
    assert theme_key("Next steps") == "next step"


def test_sentences_that_cite_nothing_or_anything_unknown_are_dropped_and_counted() -> None:
    totals = digest([call("1", finding("Price")), call("2", finding("Price"))], [])
    summary = keep_true(
        "  Price\n decides ",
        [
            SummarySentence("Grounded  well.", ("f1", "f2", "f1")),
            SummarySentence("Half invented.", ("f1", "f9")),
            SummarySentence("Invented.", ("f9",)),
            SummarySentence("Uncited.", ()),
            SummarySentence("  ", ("f1",)),
        ],
        totals,
    )
    assert summary is not None
    assert summary.headline == "Price decides"
    assert [(s.sentence, s.finding_ids) for s in summary.sentences] == [("Grounded well.", ("f1", "f2"))]
    assert summary.removed == 4
    assert keep_true("Headline", [SummarySentence("Invented.", ("f9",))], totals) is None
    assert keep_true(" ", [SummarySentence("Grounded.", ("f1",))], totals) is None


def test_a_sentence_with_a_number_that_its_findings_do_not_have_is_dropped() -> None:
    dear = replace(finding("Price"), claim="They would pay $12,000 at most.")
    totals = digest([call("1", dear), call("2", finding("Price")), call("3", finding("Timing"))], [])
    said = [
        SummarySentence("Price comes up in 2 of 3 calls, and one buyer would pay $12k.", ("f1", "f2")),
        SummarySentence("Timing comes up in 2 of 3 calls.", ("f3",)),
        SummarySentence("A buyer would pay $12,000.", ("f2",)),
        SummarySentence("A buyer would pay $13,000.", ("f1",)),
    ]
    summary = keep_true("Price comes up in 2 of 3 calls", said, totals)
    assert summary is not None
    assert [s.sentence for s in summary.sentences] == [said[0].sentence]
    assert (summary.headline, summary.removed) == ("Price comes up in 2 of 3 calls", 3)
    wrong = keep_true("Price comes up in 3 of 3 calls", said, totals)
    assert wrong is not None
    assert wrong.headline == "Price: found in 2 of 3 calls"


def test_only_findings_that_the_model_was_shown_can_be_cited() -> None:
    totals = digest([call(f"{number:02}", finding("Price")) for number in range(40)], [])
    shown = [item.id for _, items in summarised(totals) for item in items]
    assert (len(shown), shown[0], shown[-1]) == (12, "f1", "f37")
    assert keep_true("Price", [SummarySentence("Price.", ("f2",))], totals) is None
    assert keep_true("Price", [SummarySentence("Price.", (shown[1],))], totals) is not None


def test_the_fallback_states_only_counts_and_cites_what_is_there() -> None:
    totals = digest([call("1", finding("Price")), call("2", finding("Price"), finding("Timing"))], [])
    summary = summary_of_counts(totals)
    assert summary.headline == "Price: found in 2 of 2 calls"
    assert summary.written_by == "counts"
    assert all(set(s.finding_ids) <= totals.finding_ids for s in summary.sentences)
    assert summary_of_counts(digest([call("1")], [])).headline == "Nothing in 1 call answers the brief"


def test_the_second_question_stays_small_however_much_was_found() -> None:
    many = [call(str(n), *(finding(f"Theme {chr(97 + n % 26)}{chr(97 + k)}") for k in range(20))) for n in range(500)]
    document = json.loads(synthesise("Why?", digest(many, []), Mask(on=True)).document)
    assert len(document["themes"]) <= 20
    assert all(len(theme["claims"]) <= 12 for theme in document["themes"])


def test_a_finding_without_a_verified_quote_is_dropped() -> None:
    spoken = Sentence("s1", "2", "Tomás", Affiliation.EXTERNAL, 0, 1000, "The price is high.")
    the_call = Call(
        "c1",
        "Title",
        60,
        "Acme",
        "SMB",
        "Maya",
        None,
        {},
        (Party("2", "Tomás", None, Affiliation.EXTERNAL, None),),
        (spoken,),
    )
    true, invented = ClaimedQuote("s1", "The price is high."), ClaimedQuote("s1", "The price is outrageous.")
    answer = CallAnswer(
        Verdict.YES,
        "Sum\nmary",
        (
            ClaimedFinding("Price", "Too high.", Sentiment.NEGATIVE, (true, true, invented)),
            ClaimedFinding("Anger", "They rage.", Sentiment.NEGATIVE, (invented,)),
            ClaimedFinding("", "Nothing.", Sentiment.NEUTRAL, (true,)),
        ),
    )
    analysis = check_answer(the_call, answer)
    assert [(f.theme, len(f.quotes)) for f in analysis.findings] == [("Price", 1)]
    assert (analysis.quotes, analysis.quotes_dropped, analysis.summary) == (1, 2, "Sum mary")


def test_calls_are_counted_by_who_told_of_their_deal() -> None:
    calls = [
        replace(call(str(number)), deal_source=source) for number, source in enumerate(("gong", "", "hubspot", "gong"))
    ]
    assert digest(calls, []).deal_context == {"gong": 2, "hubspot": 1, "none": 1}

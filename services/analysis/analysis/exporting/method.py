"""The last pages of a printed report: what was asked, how the report was made, and what it cannot say."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.exporting import words
from analysis.exporting.values import Fields, amount, count, fields, text, texts
from analysis.models.offer import read_offer


def facts(document: Fields, created: str) -> list[tuple[str, str]]:
    """What was asked of which calls; `created` is when the report was made."""
    question, numbers = fields(document, "question"), fields(document, "numbers")
    model = text(question, "model")
    days = f"{text(question, 'first_day')} to {text(question, 'last_day')} ({text(question, 'timezone')})"
    found = [
        ("Calls from", words.line(days)),
        *_filters(question),
        ("Most calls", words.number(count(question, "max_calls"))),
        ("Calls that matched", _matched(numbers)),
        ("Calls analysed", _analysed(numbers)),
        ("Deal context", _deals(fields(document, "deal_context"))),
        ("Model", words.line(_models(model, fields(document, "models")))),
        ("Report made", created),
        ("Report id", words.line(text(document, "report_id"))),
    ]
    return [(label, value) for label, value in found if value]


def _models(chosen: str, answered: Fields) -> str:
    """The chosen model, and those that have stood in for it."""
    offer = read_offer()
    others = [(model, count(answered, model)) for model in answered if model != chosen]
    told = [
        f"{words.number(calls)} {'call' if calls == 1 else 'calls'} answered by {offer.title(model)}"
        for model, calls in others
    ]
    return "; ".join([offer.title(chosen), *(f"{one}, which stood in" for one in told)])


_LISTS = (
    ("Deal stage", "stages"),
    ("Owner", "owners"),
    ("Direction", "directions"),
    ("Title words", "title_words"),
    ("Participants", "participants"),
)
_RANGES = (("Deal amount", "amount"), ("Company size", "employees"), ("Minutes", "minutes"))


def _filters(question: Fields) -> list[tuple[str, str]]:
    lists = [(label, ", ".join(words.line(item) for item in texts(question, key))) for label, key in _LISTS]
    ranges = [(label, _range(amount(question, f"{key}_min"), amount(question, f"{key}_max"))) for label, key in _RANGES]
    return [*lists, *ranges]


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"at most {words.number(high)}"
    return f"at least {words.number(low)}" if high is None else f"{words.number(low)} to {words.number(high)}"


def _matched(numbers: Fields) -> str:
    told = [words.number(count(numbers, "calls_matching"))]
    if private := count(numbers, "calls_private"):
        told.append(f"{words.number(private)} private, left out")
    if silent := count(numbers, "calls_without_transcript"):
        told.append(f"{words.number(silent)} without a transcript, left out")
    return "; ".join(told)


def _analysed(numbers: Fields) -> str:
    failed = count(numbers, "calls_failed")
    told = words.number(count(numbers, "calls_analysed"))
    return f"{told}; {words.number(failed)} could not be" if failed else told


def _deals(context: Fields) -> str:
    names = (("gong", "Gong"), ("hubspot", "HubSpot"), ("none", "none"))
    return ", ".join(f"{name} {words.number(count(context, key))}" for key, name in names if count(context, key))


_ALONE = (
    "A language model read the transcript of each call with the brief, and answered with a verdict, findings and the sentences that hold "
    "each finding up. It saw one call at a time, and nothing of other workspaces."
)
_QUOTES = (
    "Every quote was looked up in its transcript and is printed as it stands there, with its speaker and its place in the call. What could "
    "not be found word for word was dropped."
)
_COUNTS = (
    "Themes are findings with the same label. Calls, findings and sentiment are counted by program, never by a model: the same results "
    "always give the same numbers. The executive summary is written by a model from the findings; a sentence that cites none is removed."
)
_LIMITS = (
    "A theme that nobody put into words is not found. Sentiment and verdicts are a model's reading. Transcripts are made by machine and "
    "may be wrong, and so may a quote then; the recording decides. Calls that were left out or could not be analysed are in no number but "
    "those that count them."
)


def notes(document: Fields) -> Sequence[tuple[str, str]]:
    """How the report was made and what it cannot say, as heading and text."""
    numbers = fields(document, "numbers")
    dropped = count(numbers, "quotes_dropped")
    held = words.plural(count(numbers, "quotes"), "quote")
    kept = f"This report holds {held}; {words.number(dropped)} more {'was' if dropped == 1 else 'were'} dropped."
    return [
        ("Each call by itself", _ALONE),
        ("Quotes", f"{_QUOTES} {kept}"),
        ("Counts", _COUNTS),
        ("Limits", _LIMITS),
    ]

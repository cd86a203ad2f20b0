"""How a conversation went, counted from the transcript's sentences alone; no model is asked.

The four measures are those that Gong shows for a team, so that its users know them (help.gong.io, "Analyze team performance"): talk ratio,
longest monologue, questions and interactivity. Where Gong's own formula is not public, the one used here is simple and written down below.
Where the rep is not among the speakers, the seller's side stands for the rep, as it does for the talk share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from analysis.domain.transcript import Call, Sentence, turns

# The common one, full-width, Arabic, small and combined forms, Armenian, Ethiopic and Vai; the Spanish "¿" opens what "?" ends. Greek asks
# with a mark that looks like a semicolon and mostly is one, so it does not count.
_MARKS: Final = "?\uff1f\u061f\ufe56\u2047\u2048\u2049\u055e\u1367\ua60f"
_QUESTION: Final = re.compile(rf"[{_MARKS}](?:[!\uff01]*[{_MARKS}])*")

_MINUTE_MS: Final = 60_000


class Conversation(Struct, frozen=True):
    """What is counted in one call.

    longest_monologue_ms   the rep's longest stretch with nobody else between, from the start of its first sentence to the end of its last,
                           so that pauses in it count; None where nobody of the seller's side is known to have spoken
    questions              sentences or parts of them that the rep ended with a question mark ("Really??" is one); None as above
    switches               how often somebody else went on speaking
    span_ms                from the first word to the last
    """

    longest_monologue_ms: int | None
    questions: int | None
    switches: int
    span_ms: int


class Talk(Struct, frozen=True):
    """One call's part in the measures of many; `conversation` is None for a call analysed before they were counted."""

    rep_ms: int
    total_ms: int
    conversation: Conversation | None


class Measures(Struct, frozen=True):
    """The measures of one call or of several together; each None where no call tells it.

    talk_share             the rep's part of all talk, 0 to 1; pauses do not count. Of several calls: all of the rep's talk by all talk
    longest_monologue_ms   the longest of all calls
    questions              the rep's questions; of several calls the average a call
    interactivity          how often a minute somebody else goes on speaking. Of several calls: all changes by all minutes
    """

    talk_share: float | None = None
    longest_monologue_ms: int | None = None
    questions: float | None = None
    interactivity: float | None = None


def conversation_of(call: Call) -> Conversation:
    """Count one call. Its transcript's order is the order in which people spoke."""
    said = call.said_by_rep
    stretches = list(turns(call.sentences))
    theirs = {sentence.id for sentence in said}
    monologues = [_length(stretch) for stretch in stretches if stretch[0].id in theirs]
    return Conversation(
        longest_monologue_ms=max(monologues) if monologues else None,
        questions=sum(questions_in(sentence.text) for sentence in said) if said else None,
        switches=max(0, len(stretches) - 1),
        span_ms=_length(call.sentences) if call.sentences else 0,
    )


def questions_in(text: str) -> int:
    """How many questions the text asks, by its question marks; several in a row are one."""
    return len(_QUESTION.findall(text))


def measured(talks: Iterable[Talk]) -> Measures:
    """The measures of calls together, whatever their order. A call in which nobody of the seller's side spoke has no talk share."""
    counted = list(talks)
    spoken = [talk for talk in counted if talk.rep_ms > 0]
    told = [talk.conversation for talk in counted if talk.conversation is not None]
    monologues = [item.longest_monologue_ms for item in told if item.longest_monologue_ms is not None]
    questions = [item.questions for item in told if item.questions is not None]
    span = sum(item.span_ms for item in told)
    return Measures(
        talk_share=_ratio(sum(talk.rep_ms for talk in spoken), sum(talk.total_ms for talk in spoken), 4),
        longest_monologue_ms=max(monologues) if monologues else None,
        questions=_ratio(sum(questions), len(questions), 2),
        interactivity=_ratio(sum(item.switches for item in told) * _MINUTE_MS, span, 2),
    )


def _length(stretch: Sequence[Sentence]) -> int:
    return max(0, max(s.end_ms for s in stretch) - min(s.start_ms for s in stretch))


def _ratio(part: int, whole: int, digits: int) -> float | None:
    return round(part / whole, digits) if whole else None

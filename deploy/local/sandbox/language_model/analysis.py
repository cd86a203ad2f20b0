"""Analyses one call: finds the sentences that answer the brief and says what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local.sandbox.language_model.brief import Focus, read_brief
from local.sandbox.language_model.claims import claim_text, fragment, joined
from local.sandbox.language_model.documents import (
    MOST_FINDINGS,
    MOST_QUOTES,
    CallAnswer,
    CallQuestion,
    Finding,
    Quote,
    SpokenSentence,
    Verdict,
)
from local.sandbox.language_model.lexicon import ENOUGH, THEMES, Theme
from local.sandbox.language_model.ranking import SentenceIndex, index_sentences
from local.sandbox.language_model.sentiment import sentiment_of
from local.sandbox.language_model.words import content_stems, words_of

SHORTEST_SENTENCE = 6
"""Words; below it a sentence rarely says anything by itself."""
FULL_LENGTH = 14
"""Words; a shorter sentence shows less, and scores less, down to half."""
COMMON_TERM = 0.25
"""A word of the brief found in more than this share of the sentences is no subject of its own."""
FURTHER_QUOTE = 0.55
"""A second or third quote must score at least this share of the first."""
TOO_ALIKE = 0.6
"""Two sentences sharing more than this part of their words count as one."""
OPEN_FINDINGS = 4
"""Findings for a brief that names no subject."""
SIDE_BONUS = 1.5
ANSWER_REACH = 2
OWN_QUESTION = 0.6
"""A seller's question shows less than an answer."""


@dataclass(frozen=True, slots=True)
class _Scored:
    position: int
    score: float


@dataclass(frozen=True, slots=True)
class _Evidence:
    """A theme with its sentences, best first."""

    theme: Theme
    sentences: tuple[_Scored, ...]

    @property
    def weight(self) -> float:
        return sum(scored.score for scored in self.sentences[:MOST_QUOTES])


class _Reading:
    """One transcript read with one focus."""

    def __init__(self, question: CallQuestion) -> None:
        self.transcript = question.transcript
        self.focus = read_brief(question.brief)
        self.stems = [content_stems(sentence.text) for sentence in question.transcript]
        self.sets = [frozenset(stems) for stems in self.stems]
        self.index: SentenceIndex = index_sentences(self.stems)
        sides = {sentence.affiliation for sentence in question.transcript}
        self.two_sided = {"internal", "external"} <= sides
        self._query = self.focus.query()
        self._question_before = _answered_questions(question.transcript)

    def evidence(self, theme: Theme) -> _Evidence:
        """All sentences that belong to the theme and say enough to be quoted."""
        found = [
            _Scored(position, self._score(position, strength))
            for position in range(len(self.sets))
            if (strength := self._strength(position, theme)) >= ENOUGH and self._is_quotable(position)
        ]
        return _Evidence(theme, tuple(sorted(found, key=lambda scored: (-scored.score, scored.position))))

    def subjects(self) -> list[Theme]:
        """The themes the brief asks for, and a theme for each of its own words that is rare enough to be a subject."""
        common = COMMON_TERM * len(self.transcript)
        own = [
            Theme(f"Mentions of {word}", f"“{word}”", frozenset({term}))
            for term, word in self.focus.own_terms
            if 0 < self.index.document_frequency[term] <= common
        ]
        return [*self.focus.themes, *own]

    def _strength(self, position: int, theme: Theme) -> int:
        """The sentence's own strength, or that of the question it answers."""
        own = theme.strength(self.sets[position])
        asked = self._question_before[position]
        return own if own >= ENOUGH or asked is None else max(own, min(ENOUGH, theme.strength(self.sets[asked])))

    def _is_quotable(self, position: int) -> bool:
        return len(words_of(self.transcript[position].text)) >= SHORTEST_SENTENCE

    def _score(self, position: int, strength: int) -> float:
        sentence = self.transcript[position]
        score = strength + self.index.score(position, self._query)
        score *= min(1.0, 0.5 + len(words_of(sentence.text)) / FULL_LENGTH / 2)
        if self.two_sided:
            score *= SIDE_BONUS if sentence.affiliation == self._wanted_side() else 1.0 / SIDE_BONUS
        if sentence.affiliation == "internal" and sentence.text.rstrip().endswith("?"):
            score *= OWN_QUESTION
        return score

    def _wanted_side(self) -> str:
        return "internal" if self.focus.about_seller and not self.focus.about_customer else "external"


def _answered_questions(transcript: Sequence[SpokenSentence]) -> list[int | None]:
    """For each sentence the question it answers: somebody else's, asked at most :data:`ANSWER_REACH` sentences before."""
    answered: list[int | None] = []
    question: int | None = None
    for position, sentence in enumerate(transcript):
        near = question is not None and position - question <= ANSWER_REACH
        answers = near and question is not None and transcript[question].speaker != sentence.speaker
        answered.append(question if answers else None)
        if sentence.text.rstrip().endswith("?"):
            question = position
    return answered


def analyse_call(question: CallQuestion) -> CallAnswer:
    """The answer for one call; every quote is a sentence of the transcript under the id it came with."""
    reading = _Reading(question)
    subjects = THEMES if reading.focus.is_open else reading.subjects()
    found = [evidence for theme in subjects if (evidence := reading.evidence(theme)).sentences]
    found.sort(key=lambda evidence: -evidence.weight)
    found = found[: OPEN_FINDINGS if reading.focus.is_open else MOST_FINDINGS]
    findings = _findings(reading, found)
    return CallAnswer(
        verdict=_verdict(reading.focus, len(subjects), findings),
        summary=_summary(findings, reading),
        findings=tuple(findings),
    )


def _findings(reading: _Reading, found: Sequence[_Evidence]) -> list[Finding]:
    used: set[int] = set()
    findings: list[Finding] = []
    for evidence in found:
        chosen = _choose(evidence, reading, used) or [evidence.sentences[0].position]
        used.update(chosen)
        findings.append(_finding(evidence.theme, chosen, reading))
    return findings


def _choose(evidence: _Evidence, reading: _Reading, used: set[int]) -> list[int]:
    """Up to three sentences, best first, that no other finding quotes yet and that do not repeat each other."""
    chosen: list[int] = []
    best = 0.0
    for scored in evidence.sentences:
        if len(chosen) == MOST_QUOTES or scored.score < FURTHER_QUOTE * best:
            break
        if scored.position in used or any(_alike(reading, scored.position, other) for other in chosen):
            continue
        best = best or scored.score
        chosen.append(scored.position)
    return chosen


def _alike(reading: _Reading, one: int, other: int) -> bool:
    first, second = reading.sets[one], reading.sets[other]
    return len(first & second) > TOO_ALIKE * max(1, len(first | second))


def _finding(theme: Theme, chosen: list[int], reading: _Reading) -> Finding:
    said = [reading.transcript[position] for position in chosen]
    tone = sentiment_of([sentence.text for sentence in said])
    return Finding(
        theme=theme.label,
        claim=claim_text(theme.subject, tone, said, theme.telling, reading.two_sided),
        sentiment=tone,
        quotes=tuple(_quote(reading.transcript[position]) for position in sorted(chosen)),
    )


def _quote(sentence: SpokenSentence) -> Quote:
    return Quote(sentence_id=sentence.id, text=sentence.text)


def _verdict(focus: Focus, subjects: int, findings: Sequence[Finding]) -> Verdict:
    if focus.is_open:
        return "unclear"
    if not findings:
        return "no"
    return "yes" if len(findings) >= min(subjects, MOST_FINDINGS) else "partly"


def _summary(findings: Sequence[Finding], reading: _Reading) -> str:
    if not findings:
        return "Nothing in this call speaks to the question."
    labels = joined([finding.theme.lower() for finding in findings])
    speakers = {sentence.id: sentence for sentence in reading.transcript}
    quoted = [speakers[quote.sentence_id] for finding in findings for quote in finding.quotes]
    opening = f"The call touches on {labels}"
    if reading.two_sided:
        theirs = sum(sentence.affiliation == "external" for sentence in quoted)
        opening += f"; {theirs} of the {len(quoted)} sentences quoted are the customer's"
    lead = speakers[findings[0].quotes[0].sentence_id].text
    return f"{opening}. In their own words: “{fragment(lead, frozenset())}”."

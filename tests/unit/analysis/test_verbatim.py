"""Everything that a report's page shows as said was said: by that speaker, at that time, word for word, whatever the model answers.

Over the sandbox's calls and, where they are beside the project, real conversations: from the stored call through prompt, answer, check, and
document to the page's HTML, compared with the transcripts themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from unit.analysis.test_document import run
from unit.analysis.wanted import part

from analysis.domain.document import Wanted, document_of
from analysis.domain.finding import MOST_QUOTES, CallAnalysis, check_answer
from analysis.domain.report import Digest, digest
from analysis.domain.request import ReportId
from analysis.domain.summary import summary_of_counts
from analysis.domain.transcript import Call, parse_call
from analysis.handlers.desk import Surroundings
from analysis.models.answers import read_call_answer
from analysis.models.masking import Mask
from analysis.models.offer import read_offer
from analysis.models.prompts import analyse_call
from analysis.store.reports import ReportPart
from core.ids import WorkspaceId
from integration.analysis.site import browser, site
from local.sandbox.corpus.calls import RecordedCall
from local.sandbox.corpus.library import load_library
from local.sandbox.language_model.stand_in import Prompt, complete

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data" / "real_calls.jsonl"
BRIEF = "What do customers say about price, growth, security and design?"
TENANTS = ("harborline", "quillstone")
ACME = WorkspaceId("org_acme1")

# Of the model's quotes, how many are spoilt.
SPOILT = 0.05


@cache
def recorded(corpus: str) -> tuple[RecordedCall, ...]:
    """The calls of one corpus. Skips where it is not there."""
    if corpus == "real" and not REAL.is_file():
        pytest.skip("real_calls.jsonl is not beside the project (../shared/data): real conversations not tried")
    file = REAL if corpus == "real" else None
    library = load_library(ROOT / "deploy/local/sandbox/calls", file, TENANTS, datetime.now(UTC).date())
    return tuple(call for tenant in TENANTS for call in library.of(tenant) if not call.is_private)


def stored(call: RecordedCall) -> dict[str, object]:
    """The call as ingest stores it."""
    return {
        "version": 1,
        "call_id": call.call_id,
        "title": call.title,
        "started_at": call.started_at.isoformat(),
        "duration_seconds": call.duration_ms // 1000,
        "parties": [
            {"speaker_id": p.speaker_id, "name": p.name, "affiliation": p.affiliation.value.lower(), "email": p.email}
            for p in call.parties
        ],
        "owner": {"name": call.owner.name, "email": call.owner.email} if call.owner else None,
        "deal": {"account": call.deal.account, "stage": call.deal.stage} if call.deal else None,
        "sentences": [
            {"speaker_id": s.speaker_id, "start_ms": s.start_ms, "end_ms": s.end_ms, "text": s.text}
            for s in call.sentences
        ],
    }


@cache
def answered(corpus: str) -> tuple[tuple[Call, str], ...]:
    """Each call with the stand-in model's answer, as text; each is asked once."""
    found = []
    for call in map(parse_call, map(stored, recorded(corpus))):
        prompt = analyse_call(BRIEF, call, Mask(on=False))
        answer = complete(Prompt(prompt.instructions, prompt.document, prompt.schema, None))
        found.append((call, answer.text))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Shown:
    """A quote as the page shows it."""

    call_id: str
    sentence_id: str
    text: str
    speaker: str
    clock: str


async def shown_of(totals: Digest) -> list[Shown]:
    """All quotes of a report's pages: the report itself and the pages of its themes."""
    document = json.loads(json.dumps(document_of(run(), totals, summary_of_counts(totals))))
    findings = [len(theme["findings"]) for theme in document["themes"]]

    async def found(_: object, report_id: ReportId, wanted: Wanted) -> ReportPart:
        shown = part(document, wanted)
        return ReportPart(report_id, run().id, datetime.now(UTC), shown, findings, len(document["calls"]))

    async def around(*_: object) -> object:
        return Surroundings(ZoneInfo("UTC"), [])

    async def opened(*_: object) -> list[object]:
        return []

    desk = SimpleNamespace(report_in_part=found, surroundings=around, clock=None, offer=read_offer(), db=None)
    deliveries = SimpleNamespace(opened=opened)
    world = SimpleNamespace(desk=desk, schedules=None, exports=None, deliveries=deliveries, db=None, clock=None)
    app = site(world)  # type: ignore[arg-type]
    quotes: list[Shown] = []
    async with browser(app, ACME) as client:
        for number in range(1, len(totals.themes) + 1):
            page, pages = 1, 1
            while page <= pages:
                answer = await client.get(f"/reports/{run().id}?theme={number}&page={page}")
                assert answer.status_code == 200, answer.text
                quotes += _quotes_in(answer.text)
                pages = int(next(iter(re.findall(r"page \d+ of (\d+)", answer.text)), "1"))
                page += 1
        whole = _quotes_in((await client.get(f"/reports/{run().id}")).text)
        assert set(whole) <= set(quotes)
    return quotes


_QUOTE = re.compile(
    r"<blockquote><p>(?P<text>.*?)</p></blockquote>\s*<figcaption>\s*<cite>(?P<speaker>.*?)</cite>"
    r'.*?href="/reports/[0-9a-f-]+/calls/(?P<call>[^#"]+)#(?P<sentence>s\d+)">(?P<clock>[\d:]+)</a>',
    re.DOTALL,
)


def _quotes_in(html: str) -> list[Shown]:
    found = [
        Shown(
            unquote(unescape(quote["call"])),
            quote["sentence"],
            unescape(quote["text"]),
            unescape(quote["speaker"]),
            quote["clock"],
        )
        for quote in _QUOTE.finditer(html)
    ]
    assert len(found) == html.count("<blockquote>")
    return found


def check_said(quotes: Sequence[Shown], corpus: str) -> None:
    """Each quote against the recorded call, by means that have nothing of the product's own."""
    calls = {call.call_id: call for call in recorded(corpus)}
    for quote in quotes:
        call = calls[quote.call_id]
        names = {party.speaker_id: party.name for party in call.parties}
        at = int(quote.sentence_id[1:]) - 1
        first, following = call.sentences[at], call.sentences[at:]
        same = next((n for n, s in enumerate(following) if s.speaker_id != first.speaker_id), len(following))
        said = " ".join(sentence.text for sentence in following[:same])
        begins = said.find(quote.text)
        assert 0 <= begins < len(first.text), quote
        assert quote.speaker == names[first.speaker_id], quote
        seconds = first.start_ms // 1000
        assert [int(part) for part in quote.clock.split(":")][-2:] == [seconds // 60 % 60, seconds % 60], quote


def checked(
    corpus: str, spoil: Callable[[Call, dict[str, object]], dict[str, object]] | None = None
) -> list[CallAnalysis]:
    """The calls' results, the answers spoilt on their way."""
    results = []
    for call, text in answered(corpus):
        answer = json.loads(text)
        told = json.dumps(spoil(call, answer) if spoil else answer)
        results.append(check_answer(call, read_call_answer(told, Mask(on=False))))
    return results


@pytest.mark.parametrize(("corpus", "least"), [("sandbox", 150), ("real", 60)])
async def test_every_quote_on_the_page_was_said_by_that_speaker_at_that_time(corpus: str, least: int) -> None:
    totals = digest(checked(corpus), [])
    quotes = await shown_of(totals)
    assert len(quotes) == totals.numbers.quotes >= least
    assert totals.numbers.quotes_dropped == 0
    check_said(quotes, corpus)


@pytest.mark.parametrize("corpus", ["sandbox", "real"])
async def test_a_quote_over_two_sentences_is_shown_where_it_begins(corpus: str) -> None:
    longer = 0

    def lengthen(call: Call, answer: dict[str, object]) -> dict[str, object]:
        nonlocal longer
        after = {one.id: other for one, other in pairwise(call.sentences) if one.speaker_id == other.speaker_id}
        findings = answer["findings"]
        assert isinstance(findings, list)
        for quote in (quote for finding in findings for quote in finding["quotes"]):
            if quote["sentence_id"] in after:
                quote["text"] += f" {after[quote['sentence_id']].text}"
                longer += 1
        return answer

    totals = digest(checked(corpus, lengthen), [])
    assert longer >= 20
    assert totals.numbers.quotes_dropped == 0
    check_said(await shown_of(totals), corpus)


@dataclass(slots=True)
class Spoiler:
    """Spoils some of a model's quotes, at random from a seed; remembers what must not be shown of which call."""

    corpus: str
    rng: Random
    spoilt: int = 0
    unsaid: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, call: Call, answer: dict[str, object]) -> dict[str, object]:
        findings = answer["findings"]
        assert isinstance(findings, list)
        for finding in findings:
            for quote in finding["quotes"][:MOST_QUOTES]:
                if self.rng.random() < SPOILT:
                    self._spoil(call, quote)
        return answer

    def _spoil(self, call: Call, quote: dict[str, str]) -> None:
        way = self.rng.choice([_corrupted, _paraphrased, _of_another_call, _of_no_sentence, _misplaced])
        quote["sentence_id"], quote["text"] = way(self, call, quote)
        if not _is_in(call, quote["text"]):
            self.spoilt += 1
            self.unsaid.add((call.call_id, quote["text"].strip()))
        elif not _is_at(call, quote["sentence_id"], quote["text"]):
            self.spoilt += 1


def _is_in(call: Call, text: str) -> bool:
    return text.strip() in " ".join(sentence.text for sentence in call.sentences)


def _is_at(call: Call, sentence_id: str, text: str) -> bool:
    """Whether that sentence alone holds the text."""
    return any(sentence.id == sentence_id and text.strip() in sentence.text for sentence in call.sentences)


def _corrupted(self: Spoiler, _: Call, quote: dict[str, str]) -> tuple[str, str]:
    """One word left out, doubled or changed."""
    words = quote["text"].split(" ")
    at = self.rng.randrange(len(words))
    changed = self.rng.choice([[], [words[at], words[at]], [words[at] + "ish"], [words[at].swapcase()]])
    return quote["sentence_id"], " ".join([*words[:at], *changed, *words[at + 1 :]])


def _paraphrased(_: Spoiler, __: Call, quote: dict[str, str]) -> tuple[str, str]:
    return quote["sentence_id"], f"Basically, {quote['text'].lower().rstrip('.')}, or so they said."


def _of_another_call(self: Spoiler, call: Call, quote: dict[str, str]) -> tuple[str, str]:
    """Words that somebody did say, under an id that exists, but in another call."""
    other = self.rng.choice([o for o in recorded(self.corpus) if o.call_id != call.call_id])
    return quote["sentence_id"], max(other.sentences, key=lambda sentence: len(sentence.text)).text


def _of_no_sentence(self: Spoiler, call: Call, quote: dict[str, str]) -> tuple[str, str]:
    """An id that the transcript does not have, and words that nobody said."""
    return f"s{len(call.sentences) + self.rng.randrange(1, 99)}", f"{quote['text']} And that is why we will sign today."


def _misplaced(self: Spoiler, call: Call, quote: dict[str, str]) -> tuple[str, str]:
    """Words that were said, under the id of another sentence or of none."""
    return f"s{self.rng.randrange(1, 2 * len(call.sentences))}", quote["text"]


@pytest.mark.parametrize("corpus", ["sandbox", "real"])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_spoilt_answers_nothing_is_shown_that_was_not_said(corpus: str, seed: int) -> None:
    spoiler = Spoiler(corpus, Random(seed))
    totals = digest(checked(corpus, spoiler), [])
    quotes = await shown_of(totals)
    assert spoiler.spoilt >= 3
    assert totals.numbers.quotes_dropped == spoiler.spoilt
    assert not {(quote.call_id, quote.text) for quote in quotes} & spoiler.unsaid
    assert len(quotes) == totals.numbers.quotes
    check_said(quotes, corpus)


@pytest.mark.parametrize("corpus", ["sandbox", "real"])
async def test_words_under_the_wrong_id_are_dropped(corpus: str) -> None:
    spoiler, misplaced = Spoiler(corpus, Random(1)), 0

    def misplace(call: Call, answer: dict[str, object]) -> dict[str, object]:
        nonlocal misplaced
        findings = answer["findings"]
        assert isinstance(findings, list)
        for finding in findings:
            for quote in finding["quotes"][:MOST_QUOTES]:
                quote["sentence_id"], _ = _misplaced(spoiler, call, quote)
                misplaced += not _is_at(call, quote["sentence_id"], quote["text"])
        return answer

    totals = digest(checked(corpus, misplace), [])
    check_said(await shown_of(totals), corpus)
    assert totals.numbers.quotes_dropped == misplaced > 10

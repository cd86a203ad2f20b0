"""Report documents as they are published, of any size, drawn from a seed; and one whose every text tries something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random

Document = dict[str, object]

SENTIMENTS = ("positive", "mixed", "neutral", "negative")
VERDICTS = ("yes", "no", "partly", "unclear")

_REPS = ("Maya Lindqvist", "Jonas Weber", "Aiko Tanaka", "Priya Raman", "Omar Haddad")
_ACCOUNTS = ("Brightwater Foods", "Harbor Clinic", "Northwind Logistik", "Éclair & Fils", "Stadtwerke Süd")
_SEGMENTS = ("Mid-Market", "Enterprise", "Small business")
_STAGES = ("Proposal", "Negotiation", "Closed won")
_THEMES = (
    "Price too high",
    "Integration with existing tools",
    "Security review",
    "Rollout time",
    "Comparison with others",
    "Missing reports",
    "Contract length",
    "Where data is kept",
    "Effort to begin",
    "Answers of support",
    "Mobile use",
    "Limits of the API",
    "Fields of one's own",
    "Training",
)
_SAID = (
    "Honestly, the price is higher than we planned for.",
    "We would need finance to agree before we can move, and they meet once a quarter.",
    "Our security team needs to see the report first; that took four weeks with the last one.",
    "If it works with what we have, I think we are good to go by March.",
    "Right now everybody keeps a spreadsheet of their own and nobody trusts the numbers.",
)
_CLAIMS = (
    "The customer finds the first year too expensive.",
    "The deal waits for a budget round.",
    "A security review comes before the signature.",
    "The team doubts the numbers that it has today.",
)

# One of each kind of text that is more than text somewhere.
HOSTILE = (
    '#read("/etc/passwd") #import "@preview/cetz:0.3.0"',
    "*bold* _italic_ $x^2$ `code` <label> @f1 = Heading // no comment",
    "</w:t></w:r><w:r><w:t>out</w:t></w:r> &amp; &lt; ]]> <!-- -->",
    '=HYPERLINK("https://evil.example","click")',
    "null\x00bell\x07esc\x1b[31mred line\nfeed\ttab \ufffe end",
    "turned \u202e round \u2066 and \u2069 back",
    "السعر أعلى مما خططنا له (20%)",
    "המחיר גבוה מדי, לא?",
    "価格が予算より高い。もう一度話しましょう。 가격이 너무 높습니다. 价格太高",
    "ราคาสูงเกินไป कीमत बहुत ज़्यादा है",
    "Wow 😀 👩‍👩‍👧 ✅",
    "x" * 400,
)


def document(
    calls: int = 4, version: int = 2, seed: int = 1, said: Sequence[str] = _SAID, per_call: int = 3
) -> Document:
    """A report of `calls` calls with `per_call` findings each, by the shape of `version`."""
    rng = Random(seed)
    every = [_call(rng, number, per_call, version) for number in range(calls)]
    themes = _themes(rng, every, said, per_call, version)
    quotes = sum(len(quotes_of(theme)) for theme in themes)
    made: Document = {
        "format": "callmine.report",
        "version": version,
        "report_id": "01936b1e-0000-7000-8000-0000000000a1",
        "run_id": "01936b1e-0000-7000-8000-0000000000b2",
        "created_at": "2026-11-20T09:15:00.123456+00:00",
        "question": _question(),
        "headline": "Price decides early, and finance decides late",
        "summary": [
            {"sentence": "Buyers find the first year too expensive.", "finding_ids": ["f1", "f2"]},
            {"sentence": "Reviews begin after the demo.", "finding_ids": ["f3"]},
        ],
        "summary_written_by": "model",
        "numbers": {
            "calls_matching": calls + 1_207,
            "calls_private": 103,
            "calls_without_transcript": 52,
            "calls_analysed": calls,
            "calls_failed": 2,
            "findings": calls * per_call,
            "quotes": quotes,
            "quotes_verified": quotes,
            "quotes_dropped": 17,
            "themes": len(themes),
            "sentences_removed": 1,
        },
        "verdicts": dict(Counter(str(call["verdict"]) for call in every)),
        "deal_context": {"gong": 61, "hubspot": 26, "none": 13},
        "themes": themes,
        "reps": _breakdown(rng, every, "rep", version),
        "segments": _breakdown(rng, every, "segment", version),
        "calls": every,
        "failed_calls": [
            {"call_id": "lost1", "title": "Harbor Clinic: demo", "reason": "the transcript is too long"},
            {"call_id": "lost2", "title": "", "reason": "the model declined"},
        ],
    }
    return made | (_second(rng, every) if version > 1 else {})


def quotes_of(theme: Mapping[str, object]) -> list[Mapping[str, object]]:
    """All quotes of a theme, in order."""
    findings = theme["findings"]
    assert isinstance(findings, list)
    return [quote for finding in findings for quote in finding["quotes"]]


def strict(schema: object) -> object:
    """The schema when it allows nothing that it does not describe."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and "type" in schema else {}
    return closed | {key: strict(value) for key, value in schema.items()}


def hostile() -> Document:
    """A report in which every text is one of `HOSTILE`, or all of them in turn."""
    made = document(len(HOSTILE), said=HOSTILE, per_call=1)
    turn = iter(range(10_000))

    def another(_: str) -> str:
        return HOSTILE[next(turn) % len(HOSTILE)]

    for name in ("themes", "calls", "summary", "failed_calls", "reps", "stages"):
        made[name] = _replaced(made[name], another)
    made["headline"] = " ".join(HOSTILE[:4])
    question = made["question"]
    assert isinstance(question, dict)
    made["question"] = question | {"brief": "\n".join(HOSTILE), "stages": list(HOSTILE)}
    return made


# Names of fields whose values are not text for people.
_KEPT = {
    "id",
    "call_id",
    "sentence_id",
    "finding_ids",
    "affiliation",
    "sentiment",
    "verdict",
    "deal_source",
    "started_at",
}


def _replaced(value: object, another: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return another(value)
    if isinstance(value, list):
        return [_replaced(item, another) for item in value]
    if isinstance(value, dict):
        return {key: item if key in _KEPT else _replaced(item, another) for key, item in value.items()}
    return value


def _question() -> Document:
    return {
        "brief": "What do buyers say about our price?\nTell apart the first call and later ones.",
        "first_day": "2026-10-21",
        "last_day": "2026-11-19",
        "timezone": "Europe/Berlin",
        "model": "openai/small",
        "max_calls": 1_250,
        "stages": ["Proposal", "Negotiation"],
        "owners": [],
        "amount_min": 5_000.0,
        "amount_max": None,
        "employees_min": None,
        "employees_max": 900,
        "directions": [],
        "minutes_min": 5,
        "minutes_max": 95,
        "title_words": [],
        "participants": [],
    }


def _call(rng: Random, number: int, per_call: int, version: int) -> Document:
    account = rng.choice(_ACCOUNTS)
    call: Document = {
        "call_id": f"call{number}",
        "title": f"{account}: {rng.choice(['discovery', 'demo', 'pricing', 'renewal'])} {number}",
        "account": account,
        "rep": rng.choice(_REPS),
        "segment": rng.choice(_SEGMENTS),
        "deal_source": rng.choice(["gong", "hubspot", ""]),
        "verdict": rng.choice(VERDICTS),
        "summary": "The buyer likes what was shown and asks for a shorter first term.",
        "findings": per_call,
        "quotes_dropped": rng.choice([0, 0, 0, 1, 2]),
    }
    if version == 1:
        return call
    told: Document = {
        "started_at": f"2026-11-{1 + number % 19:02}T09:00:00+00:00",
        "stage": rng.choice(_STAGES),
        "outcome": rng.choice(("won", "lost", "open")),
        "models": ["openai/small"],
    }
    return call | told | _measures(rng)


def _measures(rng: Random) -> Document:
    return {
        "talk_share": round(rng.random(), 4),
        "longest_monologue_ms": rng.randrange(20_000, 300_000),
        "questions": rng.randrange(30),
        "interactivity": round(rng.random() * 10, 2),
    }


def _themes(
    rng: Random, calls: Sequence[Document], said: Sequence[str], per_call: int, version: int
) -> list[dict[str, object]]:
    of_theme: dict[str, list[Document]] = {}
    spoken = 0
    for call in calls:
        for _ in range(per_call):
            label = _THEMES[min(int(abs(rng.gauss(0, 4))), len(_THEMES) - 1)]
            quotes = []
            for _ in range(rng.choice([1, 1, 2])):
                quotes.append(_quote(rng, said[spoken % len(said)], spoken))
                spoken += 1
            of_theme.setdefault(label, []).append(_finding(rng, call, quotes))
    ranked = sorted(of_theme.items(), key=lambda item: (-len({str(one["call_id"]) for one in item[1]}), item[0]))
    number, themes = 0, []
    for label, findings in ranked:
        for finding in findings:
            number += 1
            finding["id"] = f"f{number}"
        shared = len({str(one["call_id"]) for one in findings})
        moods = Counter(str(one["sentiment"]) for one in findings)
        theme: dict[str, object] = {
            "label": label,
            "calls": shared,
            "sentiment": {name: moods[name] for name in SENTIMENTS},
            "findings": findings,
        }
        themes.append(theme | ({"share": shared / len(calls)} if version > 1 else {}))
    return themes


def _finding(rng: Random, call: Document, quotes: list[Document]) -> Document:
    return {
        "id": "",
        "call_id": call["call_id"],
        "call_title": call["title"],
        "account": call["account"],
        "rep": call["rep"],
        "claim": rng.choice(_CLAIMS),
        "sentiment": rng.choice(SENTIMENTS),
        "quotes": quotes,
    }


def _quote(rng: Random, text: str, number: int) -> Document:
    return {
        "text": text,
        "speaker": rng.choice(["Tomás Ferreira", "Dana Kim"]),
        "affiliation": rng.choice(["internal", "external", "unknown"]),
        "sentence_id": f"s{number}",
        "start_ms": rng.randrange(5_000_000),
    }


def _breakdown(rng: Random, calls: Sequence[Document], by: str, version: int) -> list[Document]:
    rows: list[Document] = []
    for name, number in sorted(Counter(str(call[by]) for call in calls).items()):
        row: Document = {
            "name": name,
            "calls": number,
            "findings": 3 * number,
            "sentiment": {sentiment: rng.randrange(1, 90) for sentiment in SENTIMENTS},
            "talk_share": round(rng.random(), 4) if by == "rep" else None,
        }
        measures = {**_measures(rng)} if version > 1 and by == "rep" else {}
        rows.append(row | measures | ({"share": number / len(calls)} if version > 1 else {}))
    return rows


def _second(rng: Random, calls: Sequence[Document]) -> Document:
    """What version 2 has more."""
    weeks: list[Document] = [
        {
            "start": f"2026-{month}-{day:02}",
            "calls": rng.randrange(1, 90),
            "findings": rng.randrange(1, 900),
            "themes": {label: rng.randrange(1, 70) for label in _THEMES[:4]},
        }
        for month, day in ((10, 19), (10, 26), (11, 2), (11, 9), (11, 16))
    ]
    return {
        "partial": True,
        "left_out": {"calls": 37, "reason": "the run was cancelled", "fetch_ended": True, "named": []},
        "stages": _breakdown(rng, calls, "stage", 2),
        "outcomes": _breakdown(rng, calls, "outcome", 2),
        "periods": {"unit": "week", "rows": weeks},
        "measures": _measures(rng),
        "models": {"openai/small": len(calls)},
    }

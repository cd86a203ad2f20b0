"""R1 and R2: quotes that were said, and words that stay where they belong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from local.journey import Outcome, admin_of, quotes_of, verified
from local.sandbox.corpus.library import Library, load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack.keys import WORKSPACES
from promises.checks.at_rest import logged, searched
from promises.system import Checks, Mutant, Mutants, System, Verdict

# Long enough that nobody says it by chance; so many that a leak of any call would show.
_LONG, _MOST = 60, 200


def _library(system: System) -> Library:
    return load_library(SHIPPED_CALLS, system.stack.settings.calls_file, WORKSPACES, datetime.now(UTC).date())


async def quotes_were_said(system: System) -> Verdict:
    """The reports as they are read now, beside the calls themselves."""
    library = _library(system)
    said = quotes = 0
    for outcome in system.outcomes:
        read = await _read_again(system, outcome)
        quotes += len(quotes_of(read.report))
        said += verified(read, library)
    problems = [] if said == quotes > 0 else [f"{quotes - said} of {quotes} quotes were not said so"]
    return Verdict({"quotes": quotes, "said word for word": said}, tuple(problems))


async def _read_again(system: System, outcome: Outcome) -> Outcome:
    person = admin_of(system.stack, outcome.workspace)
    report = await person.json("GET", f"/api/v1/reports/{outcome.run['report_id']}")
    return replace(outcome, report=report)


async def no_words_in_bus_or_logs(system: System) -> Verdict:
    """Sentences of the calls, and the questions, in the files of the bus and in all logs."""
    sentences = _sentences(_library(system))
    step = max(1, len(sentences) // _MOST)
    sought = {text.encode(): "a sentence of a call" for text in sentences[::step]}
    # As the log writes it: escaped, and cut after 200 characters.
    sought |= {
        json.dumps(text[:150], ensure_ascii=False)[1:-1].encode(): "a sentence of a call" for text in sentences[::step]
    }
    sought |= {outcome.run["question"]["brief"][:60].encode(): "a question" for outcome in system.outcomes}
    found = await searched(system, sought, ("broker", "logs"))
    return Verdict({**found.figures, "texts sought": len(sought)}, found.problems)


def _sentences(library: Library) -> list[str]:
    """The longer sentences of all calls."""
    every = (sentence.text for name in WORKSPACES for call in library.of(name) for sentence in call.sentences)
    return [text for text in every if len(text) > _LONG]


@asynccontextmanager
async def quote_altered(system: System) -> AsyncIterator[None]:
    report = system.ours.run["report_id"]
    quote = quotes_of(system.ours.report)[0]["text"]
    async with system.admin("analysis") as database:
        before = await database.fetchval("SELECT document::text FROM reports WHERE id = $1::uuid", report)
        told = json.dumps(quote, ensure_ascii=False)[1:-1]
        changed = before.replace(told, f"{told} and at any price")
        assert changed != before
        write = "UPDATE reports SET document = $2::text::jsonb WHERE id = $1::uuid"
        await database.execute(write, report, changed)
        try:
            yield
        finally:
            await database.execute(write, report, before)


@asynccontextmanager
async def sentence_logged(system: System) -> AsyncIterator[None]:
    async with logged(system, "analysed", words=_sentences(_library(system))[0]):
        yield


CHECKS: Checks = {"quotes-were-said": quotes_were_said, "no-words-in-bus-or-logs": no_words_in_bus_or_logs}
MUTANTS: Mutants = {
    "quote-altered": Mutant("quotes-were-said", quote_altered),
    "sentence-logged": Mutant("no-words-in-bus-or-logs", sentence_logged),
}

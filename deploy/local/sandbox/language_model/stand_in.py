"""One request to the stand-in model, whatever provider's wire format it came in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import BaseModel, ValidationError

from local.sandbox.faults import AnswerFault
from local.sandbox.language_model.analysis import analyse_call
from local.sandbox.language_model.documents import CallAnswer, CallQuestion, MergeQuestion, ReportQuestion
from local.sandbox.language_model.merging import merge_themes
from local.sandbox.language_model.schemas import Schema, satisfies, smallest_instance
from local.sandbox.language_model.synthesis import synthesise

CHARACTERS_PER_TOKEN = 4
"""The providers' own rule of thumb for English."""
REFUSAL_TEXT = "I can't help with that request."

_TASK = re.compile(r"^\s*task:\s*([a-z-]+)\s*$", re.MULTILINE)


class Ending(StrEnum):
    """How an answer ends."""

    COMPLETE = "complete"
    CUT_SHORT = "cut_short"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions and user text kept apart, the schema asked for, and the most tokens the answer may have."""

    instructions: str
    user: str
    schema: Schema | None
    most_tokens: int | None

    @property
    def task(self) -> str:
        """The task named by a line of the instructions; empty when none is. The user's text is not looked at."""
        match = _TASK.search(self.instructions)
        return match.group(1) if match else ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, how it ended, and what it is counted at."""

    text: str
    ending: Ending
    input_tokens: int
    output_tokens: int


def complete(prompt: Prompt, fault: AnswerFault | None = None) -> Completion:
    """The stand-in's completion, spoilt by ``fault`` where one strikes."""
    answer = _answer(prompt)
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    completion = Completion(
        text=text,
        ending=Ending.COMPLETE,
        input_tokens=tokens_in(prompt.instructions) + tokens_in(prompt.user),
        output_tokens=tokens_in(text),
    )
    spoilt = _spoil(completion, fault) if fault else completion
    if prompt.most_tokens is not None and spoilt.output_tokens > prompt.most_tokens:
        return _cut(spoilt, prompt.most_tokens)
    return spoilt


def tokens_in(text: str) -> int:
    """A plausible token count."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def _answer(prompt: Prompt) -> object:
    try:
        answer = _known_answer(prompt)
    except ValidationError:
        answer = None
    if prompt.schema is None:
        return answer if answer is not None else "This stand-in answers questions about call transcripts only."
    if answer is not None and satisfies(answer, prompt.schema):
        return answer
    return smallest_instance(prompt.schema)


def _known_answer(prompt: Prompt) -> object:
    answer: BaseModel
    match prompt.task:
        case "analyse-call":
            answer = analyse_call(CallQuestion.model_validate_json(prompt.user))
        case "merge-themes":
            answer = merge_themes(MergeQuestion.model_validate_json(prompt.user))
        case "synthesise":
            answer = synthesise(ReportQuestion.model_validate_json(prompt.user))
        case _:
            return None
    return answer.model_dump(mode="json")


def _spoil(completion: Completion, fault: AnswerFault) -> Completion:
    match fault:
        case AnswerFault.REFUSAL:
            return replace(completion, text=REFUSAL_TEXT, ending=Ending.REFUSED, output_tokens=tokens_in(REFUSAL_TEXT))
        case AnswerFault.NOT_JSON:
            return replace(completion, text=f"Here is what I found:\n\n{completion.text[1:-1]}")
        case AnswerFault.CUT_SHORT:
            return _cut(completion, max(1, completion.output_tokens // 2))
        case AnswerFault.WRONG_QUOTES:
            return replace(completion, text=_misquote(completion.text))


def _cut(completion: Completion, tokens: int) -> Completion:
    text = completion.text[: tokens * CHARACTERS_PER_TOKEN]
    return replace(completion, text=text, ending=Ending.CUT_SHORT, output_tokens=tokens)


def _misquote(text: str) -> str:
    """The first quote of every finding reworded, as a model that paraphrases would."""
    try:
        answer = CallAnswer.model_validate_json(text)
    except ValidationError:
        return text
    findings = []
    for finding in answer.findings:
        first, *others = finding.quotes
        reworded = first.model_copy(update={"text": f"Basically, {first.text.lower()} or words to that effect."})
        findings.append(finding.model_copy(update={"quotes": (reworded, *others)}))
    return answer.model_copy(update={"findings": tuple(findings)}).model_dump_json()

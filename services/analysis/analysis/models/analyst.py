"""Asks about one call: whole, or in parts where it is longer than the model's window, and puts the answers together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext

from analysis.domain.finding import CallAnalysis, CallAnswer
from analysis.domain.merging import check_parts
from analysis.domain.transcript import Call
from analysis.models.answers import read_call_answer
from analysis.models.asking import Conversation, Place
from analysis.models.masking import Mask
from analysis.models.port import Prompt, TooLong
from analysis.models.prompts import CALL_TOKENS, CallQuestion
from core.faultpoints import reach

# How often the parts are made half as long when the provider says that they are too long all the same: the models file may be wrong.
_HALVINGS = 2

# Characters of a transcript below which it is masked at once, in two milliseconds or three: while a thread computes, the loop gets the
# interpreter back every five milliseconds only (sys.getswitchinterval), for each answer that it hears.
_AT_ONCE = 16_000


async def analyse(talk: Conversation, brief: str, call: Call, mask: Mask, turn: Place = nullcontext) -> CallAnalysis:
    """The checked result of one call; its question is made ready in a `turn`. Raises BadAnswer, AccountRefused, ProviderTrouble.

    Parts are asked one after the other. Where one fails for now, the whole call is put back and its parts are asked again: each has been
    repeated in place before, so that it is rare, and nothing of an answer is kept outside the result.
    """
    room = talk.room(CALL_TOKENS)
    if sum(len(sentence.text) for sentence in call.sentences) < _AT_ONCE:
        async with turn():
            question, prompts = _prepared(brief, call, mask, room)
    else:
        # Masking a long call takes a while of computing, in which other work has its turn.
        question, prompts = await asyncio.to_thread(_prepared, brief, call, mask, room)
    reach("analysis.call.prepared")
    for _ in range(_HALVINGS):
        try:
            return check_parts(call, await _answers(talk, prompts, mask))
        except TooLong:
            half = max(question.size_of(prompt) for prompt in prompts) // 2
            prompts = await asyncio.to_thread(question.prompts, half)
    return check_parts(call, await _answers(talk, prompts, mask))


def _prepared(brief: str, call: Call, mask: Mask, room: int) -> tuple[CallQuestion, list[Prompt]]:
    question = CallQuestion.of(brief, call, mask)
    return question, question.prompts(room)


async def _answers(talk: Conversation, prompts: Sequence[Prompt], mask: Mask) -> list[CallAnswer]:
    return [await talk.answer(prompt, lambda text: read_call_answer(text, mask)) for prompt in prompts]

"""Asking a model which themes are one, level by level; see analysis.domain.themes for how many questions that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from analysis.domain.themes import Batch, Groups, Joined, Label, Reduction
from analysis.models import prompts
from analysis.models.answers import read_merge_answer
from analysis.models.asking import Conversation
from analysis.models.masking import Mask
from analysis.models.port import AccountRefused, BadAnswer
from core.errors import Transient

# Of one run; calls of other runs are analysed meanwhile and ask the same provider.
QUESTIONS_AT_ONCE = 4


async def joined_by(talk: Conversation, brief: str, labels: Sequence[Label], *, masked: bool) -> Joined:
    """Which labels are one. A batch that is answered badly, or refused, stays as it is. Raises Transient when the model is busy or away."""
    reduction = Reduction.of(labels)
    while batches := reduction.batches():
        reduction = reduction.after(await _answers(talk, brief, batches, masked=masked))
    return reduction.joined


async def _answers(talk: Conversation, brief: str, batches: Sequence[Batch], *, masked: bool) -> list[Groups | None]:
    """The answers in the batches' order, whichever came first. Once the model is away or refuses, no further batch is asked about."""
    turn, ended = asyncio.Semaphore(QUESTIONS_AT_ONCE), list[Transient | AccountRefused]()

    async def ask(batch: Batch) -> Groups | None:
        async with turn:
            if ended:
                return None
            # Masking is a while of computing, in which other work has its turn. A mask of its own: a question is the same whenever asked.
            prompt = await asyncio.to_thread(prompts.merge_themes, brief, batch, Mask(on=masked))
            try:
                return await talk.answer(prompt, read_merge_answer)
            except BadAnswer:
                return None
            except (Transient, AccountRefused) as error:
                ended.append(error)
                return None

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(batch)) for batch in batches]
    for error in ended:
        if isinstance(error, Transient):
            raise error
    return [task.result() for task in asked]

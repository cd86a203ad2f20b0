"""The alternative: a plain script with a semaphore that asks the same questions with the same SDK, and keeps nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import openai
import uvloop

from analysis.domain.transcript import parse_call
from analysis.models import prompts
from analysis.models.masking import Mask
from analysis.models.port import Prompt
from bench.analysis.corpus import document
from bench.ingest.town import told

# Asked before the clock runs, as a service has been asked before: the first question of a process reads code and builds types.
WARM = 5


@dataclass(frozen=True, slots=True)
class Load:
    """So many questions, so many at a time."""

    model: str
    ca_file: str
    calls: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Took:
    """In seconds."""

    seconds: float
    cpu: float


async def asked(load: Load) -> Took:
    """What it took a fresh process."""
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    return Took(**json.loads(await told(command, json.dumps(asdict(load)))))


def main() -> None:
    """Do as told."""
    print(json.dumps(asdict(uvloop.run(_ask(Load(**json.loads(sys.stdin.read())))))))


async def _ask(load: Load) -> Took:
    # The questions are ready before the clock runs.
    questions = [
        prompts.analyse_call("What do buyers say about our price?", parse_call(document(f"c{number}")), Mask(on=False))
        for number in range(load.calls)
    ]
    trusted = ssl.create_default_context(cafile=load.ca_file)
    client = openai.AsyncOpenAI(
        api_key="sk-bare",
        base_url=load.model,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(verify=trusted, trust_env=False),
    )
    slots = asyncio.Semaphore(load.at_once)

    async def one(prompt: Prompt) -> None:
        async with slots:
            await client.responses.create(
                model="gpt-5-mini",
                instructions=prompt.instructions,
                input=prompt.document,
                text={
                    "format": {
                        "type": "json_schema",
                        "name": "analyse_call",
                        "schema": dict(prompt.schema),
                        "strict": True,
                    }
                },
                max_output_tokens=prompt.most_output_tokens,
                store=False,
            )

    async def ask(asked: Sequence[Prompt]) -> None:
        async with asyncio.TaskGroup() as group:
            for question in asked:
                group.create_task(one(question))

    await ask(questions[:WARM])
    began, used = time.monotonic(), time.process_time()
    await ask(questions)
    return Took(time.monotonic() - began, time.process_time() - used)

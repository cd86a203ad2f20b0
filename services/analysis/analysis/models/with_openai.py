"""OpenAI's models through the Responses API, with nothing stored on their side.

What a request says beside the question: `store` false; how long the prompt cache may hold on, where the model's card sets it. No
`metadata`, `user`, `safety_identifier` or `prompt_cache_key`: each would tell OpenAI which requests belong to one customer.
"""

from __future__ import annotations

import openai
from openai.types.responses import Response

from analysis.models.keyed import KeyedClient
from analysis.models.offer import ModelCard
from analysis.models.port import (
    AccountRefused,
    BadAnswer,
    CutShort,
    ModelError,
    Outcome,
    Prompt,
    ProviderTrouble,
    Refused,
    Reply,
    TooLong,
)
from analysis.models.tokens import Tokens
from analysis.models.troubles import counted, retry_after, size_of, trouble_of_status

# Codes of errors that no later attempt will get over (platform.openai.com/docs/guides/error-codes).
_UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_FILTERED = frozenset({"content_filter", "content_policy_violation", "cyber_policy"})


class OpenAIModel:
    """One model. The client makes no retries of its own: `analysis.models.asking` knows the budget for them."""

    def __init__(self, client: KeyedClient[openai.AsyncOpenAI], card: ModelCard) -> None:
        self._client = client
        self._card = card

    async def answer(self, prompt: Prompt, most_output_tokens: int) -> Reply:
        """One request. Raises BadAnswer, AccountRefused, ProviderTrouble."""
        client = await self._client.of_now()
        retention = self._card.cache_retention or openai.omit
        try:
            raw = await client.responses.with_raw_response.create(
                model=self._card.name,
                instructions=prompt.instructions,
                input=prompt.document,
                text={
                    "format": {
                        "type": "json_schema",
                        "name": prompt.task.replace("-", "_"),
                        "schema": dict(prompt.schema),
                        "strict": True,
                    }
                },
                max_output_tokens=most_output_tokens,
                prompt_cache_retention=retention,
                store=False,
            )
        except openai.APIStatusError as error:
            raise _sized(_of_status(error), error.request, error.status_code) from None
        except openai.APITimeoutError as error:
            raise _sized(ProviderTrouble("OpenAI did not answer in time", Outcome.TIMED_OUT), error.request) from None
        except openai.APIConnectionError as error:
            raise _sized(ProviderTrouble("OpenAI cannot be reached", Outcome.UNREACHABLE), error.request) from None
        sent = size_of(raw.http_request)
        try:
            return _reply(raw.parse(), sent)
        except ModelError:
            raise
        except (openai.OpenAIError, AttributeError, TypeError, ValueError):
            # The client hands on whatever came with status 200, unchecked.
            raise _sized(BadAnswer("the model's answer could not be read"), raw.http_request, 200) from None


def _reply(response: Response, sent: int) -> Reply:
    tokens = _tokens(response)
    try:
        return Reply(_text(response), tokens, sent)
    except ModelError as error:
        error.tokens, error.sent, error.status_code = tokens, sent, 200
        raise


def _text(response: Response) -> str:
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        raise Refused("the model refused to answer")
    if response.status == "incomplete":
        if response.incomplete_details is not None and response.incomplete_details.reason == "content_filter":
            raise Refused("OpenAI's content filter stopped the answer", Outcome.FILTERED)
        raise CutShort
    text = "".join(part.text for part in parts if part.type == "output_text")
    if response.status not in {None, "completed"} or not text:
        raise BadAnswer("the model gave no answer")
    return text


def _tokens(response: Response) -> Tokens:
    usage = getattr(response, "usage", None)
    details = getattr(usage, "input_tokens_details", None)
    return Tokens(
        input=counted(usage, "input_tokens"),
        cached=counted(details, "cached_tokens"),
        cache_written=counted(details, "cache_write_tokens"),
        output=counted(usage, "output_tokens"),
    )


def _of_status(error: openai.APIStatusError) -> ModelError:
    """The error in our words; OpenAI's own may quote the question."""
    status = error.status_code
    if status == 429 and error.code in _UNPAID:
        return AccountRefused(
            "OpenAI refuses our account: its quota is used up; our team has to renew it", Outcome.ACCOUNT_EMPTY
        )
    if status in {401, 403, 404}:
        return AccountRefused(f"OpenAI refuses our account or model ({status}); our team has to look at it")
    if error.code == "context_length_exceeded" or status == 413:
        return TooLong()
    if error.code in _FILTERED:
        return Refused("OpenAI's content filter stopped the question", Outcome.FILTERED)
    return trouble_of_status("OpenAI", status, retry_after(error.response.headers))


def _sized(error: ModelError, request: object, status: int = 0) -> ModelError:
    error.sent, error.status_code = size_of(request), status
    return error

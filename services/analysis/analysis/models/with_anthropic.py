"""Anthropic's models through the Messages API. The API keeps nothing for later calls, and has no switch to set.

The part that all questions of a run begin with is marked for Anthropic's prompt cache, which forgets it five minutes after its last use.
No `metadata` (whose `user_id` would tell which requests belong to one customer), no batch, no file, no container.
"""

from __future__ import annotations

import anthropic
from anthropic.types import Message, TextBlockParam

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

# How Anthropic words a question that is too long (status 400, with no code of its own).
_TOO_LONG = ("prompt is too long", "exceed context limit")


class AnthropicModel:
    """One model. The client makes no retries of its own: `analysis.models.asking` knows the budget for them."""

    def __init__(self, client: KeyedClient[anthropic.AsyncAnthropic], card: ModelCard) -> None:
        self._client = client
        self._card = card

    async def answer(self, prompt: Prompt, most_output_tokens: int) -> Reply:
        """One request. Raises BadAnswer, AccountRefused, ProviderTrouble."""
        client = await self._client.of_now()
        try:
            raw = await client.messages.with_raw_response.create(
                model=self._card.name,
                max_tokens=most_output_tokens,
                system=prompt.instructions,
                messages=[{"role": "user", "content": _content(prompt)}],
                output_config={"format": {"type": "json_schema", "schema": dict(prompt.schema)}},
            )
        except anthropic.APIStatusError as error:
            raise _sized(_of_status(error), error.request, error.status_code) from None
        except anthropic.APITimeoutError as error:
            words = "Anthropic did not answer in time"
            raise _sized(ProviderTrouble(words, Outcome.TIMED_OUT), error.request) from None
        except anthropic.APIConnectionError as error:
            raise _sized(ProviderTrouble("Anthropic cannot be reached", Outcome.UNREACHABLE), error.request) from None
        sent = size_of(raw.http_request)
        try:
            return _reply(await raw.parse(), sent)
        except ModelError:
            raise
        except (anthropic.AnthropicError, AttributeError, TypeError, ValueError):
            # The client hands on whatever came with status 200, unchecked.
            raise _sized(BadAnswer("the model's answer could not be read"), raw.http_request, 200) from None


def _content(prompt: Prompt) -> list[TextBlockParam]:
    """The document in two blocks, the fixed one marked: all before the mark, the instructions too, is what the cache knows."""
    fixed: TextBlockParam = {
        "type": "text",
        "text": prompt.document[: prompt.fixed],
        "cache_control": {"type": "ephemeral"},
    }
    rest: TextBlockParam = {"type": "text", "text": prompt.document[prompt.fixed :]}
    return [fixed, rest] if prompt.fixed else [rest]


def _reply(message: Message, sent: int) -> Reply:
    tokens = _tokens(message)
    try:
        return Reply(_text(message), tokens, sent)
    except ModelError as error:
        error.tokens, error.sent, error.status_code = tokens, sent, 200
        raise


def _text(message: Message) -> str:
    if message.stop_reason == "refusal":
        raise Refused("the model refused to answer")
    if message.stop_reason == "max_tokens":
        raise CutShort
    if message.stop_reason == "model_context_window_exceeded":
        raise TooLong
    # Thinking blocks may come first, so the text is picked by type.
    text = "".join(block.text for block in message.content if block.type == "text")
    if not text:
        raise BadAnswer("the model gave no answer")
    return text


def _tokens(message: Message) -> Tokens:
    """Anthropic counts what it reads from or writes to the cache beside the input, not in it."""
    usage = getattr(message, "usage", None)
    cached, written = counted(usage, "cache_read_input_tokens"), counted(usage, "cache_creation_input_tokens")
    return Tokens(counted(usage, "input_tokens") + cached + written, cached, written, counted(usage, "output_tokens"))


def _of_status(error: anthropic.APIStatusError) -> ModelError:
    """The error in our words; Anthropic's own may quote the question."""
    status = error.status_code
    if status == 402:
        return AccountRefused(
            "Anthropic refuses our account: its credit is used up; our team has to renew it", Outcome.ACCOUNT_EMPTY
        )
    if status in {401, 403, 404}:
        return AccountRefused(f"Anthropic refuses our account or model ({status}); our team has to look at it")
    if status == 413 or (status == 400 and _says_too_long(error)):
        return TooLong()
    return trouble_of_status("Anthropic", status, retry_after(error.response.headers))


def _says_too_long(error: anthropic.APIStatusError) -> bool:
    message = error.message.casefold()
    return any(words in message for words in _TOO_LONG)


def _sized(error: ModelError, request: object, status: int = 0) -> ModelError:
    error.sent, error.status_code = size_of(request), status
    return error

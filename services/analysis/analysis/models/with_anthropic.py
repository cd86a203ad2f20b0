"""Anthropic's models through the Messages API. The API keeps nothing for later calls, and has no switch to set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anthropic
from anthropic.types import Message

from analysis.models.port import AccountRefused, BadAnswer, Prompt
from core.errors import Transient

ApiKey = Callable[[], Awaitable[str]]

_CUT_SHORT = frozenset({"max_tokens", "model_context_window_exceeded"})


class AnthropicModel:
    """One model. The client makes no retries of its own: the queue of calls is the retry."""

    def __init__(self, client: anthropic.AsyncAnthropic, model: str, api_key: ApiKey, timeout: float) -> None:
        """`timeout` is in seconds, for one answer; the key is read for each question, so that a rotated one is in use at once."""
        self._client = client
        self._model = model
        self._api_key = api_key
        self._timeout = timeout

    async def ask(self, prompt: Prompt) -> str:
        """The answer's text. Raises BadAnswer, AccountRefused, Transient."""
        client = self._client.with_options(api_key=await self._api_key(), max_retries=0, timeout=self._timeout)
        try:
            message = await client.messages.create(
                model=self._model,
                max_tokens=prompt.most_output_tokens,
                system=prompt.instructions,
                messages=[{"role": "user", "content": prompt.document}],
                output_config={"format": {"type": "json_schema", "schema": dict(prompt.schema)}},
            )
        except anthropic.APIStatusError as error:
            raise _of_status(error) from None
        except anthropic.APIConnectionError as error:
            raise Transient("Anthropic cannot be reached") from error
        except anthropic.AnthropicError as error:
            raise BadAnswer("the model's answer could not be read") from error
        try:
            return _text(message)
        except (AttributeError, TypeError) as error:
            # The client hands on whatever came with status 200, unchecked.
            raise BadAnswer("the model's answer could not be read") from error


def _text(message: Message) -> str:
    if message.stop_reason == "refusal":
        raise BadAnswer("the model refused to answer")
    if message.stop_reason in _CUT_SHORT:
        raise BadAnswer("the model's answer was cut short")
    # Thinking blocks may come first, so the text is picked by type.
    text = "".join(block.text for block in message.content if block.type == "text")
    if not text:
        raise BadAnswer("the model gave no answer")
    return text


def _of_status(error: anthropic.APIStatusError) -> Exception:
    """The error in our words; Anthropic's own may quote the question."""
    if error.status_code == 402:
        return AccountRefused("Anthropic refuses our account: its credit is used up; our team has to renew it")
    if error.status_code in {401, 403, 404}:
        return AccountRefused(
            f"Anthropic refuses our account or model ({error.status_code}); our team has to look at it"
        )
    if error.status_code == 413:
        return BadAnswer("the transcript is longer than the model can read", hopeless=True)
    if error.status_code in {408, 409, 429} or error.status_code >= 500:
        return Transient(f"Anthropic answered {error.status_code}", retry_after=_retry_after(error))
    return BadAnswer(f"Anthropic did not accept the question ({error.status_code})")


def _retry_after(error: anthropic.APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None

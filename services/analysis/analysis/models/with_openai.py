"""OpenAI's models through the Responses API, with nothing stored on their side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import openai
from openai.types.responses import Response

from analysis.models.port import AccountRefused, BadAnswer, Prompt
from core.errors import Transient

ApiKey = Callable[[], Awaitable[str]]

# Codes of errors that no later attempt will get over (platform.openai.com/docs/guides/error-codes).
_UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})


class OpenAIModel:
    """One model. The client makes no retries of its own: the queue of calls is the retry."""

    def __init__(self, client: openai.AsyncOpenAI, model: str, api_key: ApiKey, timeout: float) -> None:
        """`timeout` is in seconds, for one answer; the key is read for each question, so that a rotated one is in use at once."""
        self._client = client
        self._model = model
        self._api_key = api_key
        self._timeout = timeout

    async def ask(self, prompt: Prompt) -> str:
        """The answer's text. Raises BadAnswer, AccountRefused, Transient."""
        client = self._client.with_options(api_key=await self._api_key(), max_retries=0, timeout=self._timeout)
        try:
            response = await client.responses.create(
                model=self._model,
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
                max_output_tokens=prompt.most_output_tokens,
                store=False,
            )
        except openai.APIStatusError as error:
            raise _of_status(error) from None
        except openai.APIConnectionError as error:
            raise Transient("OpenAI cannot be reached") from error
        except openai.OpenAIError as error:
            raise BadAnswer("the model's answer could not be read") from error
        try:
            return _text(response)
        except (AttributeError, TypeError) as error:
            # The client hands on whatever came with status 200, unchecked.
            raise BadAnswer("the model's answer could not be read") from error


def _text(response: Response) -> str:
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        raise BadAnswer("the model refused to answer")
    if response.status == "incomplete":
        filtered = response.incomplete_details is not None and response.incomplete_details.reason == "content_filter"
        raise BadAnswer("the model refused to answer" if filtered else "the model's answer was cut short")
    text = "".join(part.text for part in parts if part.type == "output_text")
    if response.status not in {None, "completed"} or not text:
        raise BadAnswer("the model gave no answer")
    return text


def _of_status(error: openai.APIStatusError) -> Exception:
    """The error in our words; OpenAI's own may quote the question."""
    if error.status_code == 429 and error.code in _UNPAID:
        return AccountRefused("OpenAI refuses our account: its quota is used up; our team has to renew it")
    if error.status_code in {401, 403, 404}:
        return AccountRefused(f"OpenAI refuses our account or model ({error.status_code}); our team has to look at it")
    if error.code == "context_length_exceeded" or error.status_code == 413:
        return BadAnswer("the transcript is longer than the model can read", hopeless=True)
    if error.status_code in {408, 409, 429} or error.status_code >= 500:
        return Transient(f"OpenAI answered {error.status_code}", retry_after=_retry_after(error))
    return BadAnswer(f"OpenAI did not accept the question ({error.status_code})")


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None

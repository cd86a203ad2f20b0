"""Reading bodies: of what is there only what is needed, and no error that quotes any of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from core.errors import InvalidInput

T = TypeVar("T")

# An id of the sender's: printable, without spaces, as all of theirs are.
Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class Wire(BaseModel):
    """A part of a body; unknown fields may appear at any time."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


def read_body(adapter: TypeAdapter[T], body: bytes) -> T:
    """The JSON in `body`. Raises InvalidInput, which names the place of the first fault and quotes nothing."""
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "body"
        raise InvalidInput(f"the webhook cannot be read: {place} ({fault['type']})") from None


def moment_of(stamp: float, *, per_second: int = 1) -> datetime:
    """A time in a body, in seconds or parts of it since 1970. Raises InvalidInput for what is none."""
    try:
        return datetime.fromtimestamp(stamp / per_second, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput("the webhook holds a time that is none") from error

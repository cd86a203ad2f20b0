"""The header `traceparent` of W3C Trace Context, level 1: which trace, which span of it, and whether it is recorded."""

from __future__ import annotations

import re

_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def well_formed(text: str) -> bool:
    """Whether `text` is a traceparent of version 00."""
    return _FORM.fullmatch(text) is not None


def is_sampled(text: str) -> bool:
    """Whether the trace of a traceparent is recorded; False for anything else."""
    return text[-1:] in "13579bdf" and well_formed(text)


def trace_of(text: str) -> str:
    """The trace's id, 32 hexadecimal digits."""
    return text[3:35]


def parts(text: str) -> tuple[int, int, int]:
    """Trace, span and flags of a traceparent, as numbers."""
    return int(text[3:35], 16), int(text[36:52], 16), int(text[53:], 16)


def written(trace_id: int, span_id: int, *, sampled: bool) -> str:
    """The traceparent of a span."""
    return f"00-{trace_id:032x}-{span_id:016x}-{int(sampled):02x}"

"""The object that a call is stored as: its metadata and all that was said, as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from ingest.domain.calls import CallObject, Metadata, Sentence

# Readers check it; a change that an old reader would misunderstand raises it.
OBJECT_VERSION = 1

# In the order of their names, without blanks, and no letter escaped that JSON lets stand.
_encode = msgspec.json.Encoder(order="sorted").encode


def call_object(metadata: Metadata, transcript: Sequence[Sentence]) -> CallObject:
    """The object that holds a call. The same call gives the same bytes and so the same name, however often it is fetched."""
    sentences = [
        {"end_ms": end_ms, "speaker_id": speaker_id, "start_ms": start_ms, "text": text}
        for speaker_id, start_ms, end_ms, text in transcript
    ]
    content = _encode({**metadata, "version": OBJECT_VERSION, "sentences": sentences})
    return CallObject(f"calls/{metadata['call_id']}/{hashlib.sha256(content).hexdigest()[:16]}.json.gz", content)

"""The message contracts of Callmine: the envelope, and which message travels on which topic.

No I/O. Not for: sending or receiving (that is `messaging`), or what a service thinks of a message (its `events.py`).
"""

from contracts.changes import applied, changes_between, field_change
from contracts.envelope import (
    Actor,
    ActorKind,
    Event,
    Label,
    Source,
    attributes_of,
    label_of,
    ordering_key_of,
    pack,
    unpack,
)
from contracts.registry import MESSAGES, TOPICS, Topic, publishers_of, topic_for

__all__ = [
    "MESSAGES",
    "TOPICS",
    "Actor",
    "ActorKind",
    "Event",
    "Label",
    "Source",
    "Topic",
    "applied",
    "attributes_of",
    "changes_between",
    "field_change",
    "label_of",
    "ordering_key_of",
    "pack",
    "publishers_of",
    "topic_for",
    "unpack",
]

"""Whether the three that name a message's workspace agree: its row, its attributes, and its body, which is the authority.

What disagrees was not written by this package, or was changed since. It is never published and never processed: it is parked, and a
replay is refused for as long as it disagrees.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from contracts import label_of, ordering_key_of
from contracts.registry import carries
from core.errors import InvalidInput


def outgoing_disagreement(
    workspace_id: str,
    event_id: uuid.UUID | str,
    topic: str,
    ordering_key: str,
    body: bytes,
    attributes: Mapping[str, str],
) -> str:
    """Why an outgoing row must not be published, in words that quote nothing of it; empty when all agrees."""
    try:
        label = label_of(body, attributes)
    except InvalidInput as error:
        return str(error)
    if label.workspace_id != workspace_id:
        return "the row and the body do not agree on the workspace"
    if label.event_id != str(event_id):
        return "the row and the body do not agree on the event's id"
    if not carries(topic, label.type):
        return "the row's topic does not carry messages of the body's type"
    # The bare aggregate was the key once: a process of the release before may still be writing such rows during a roll-out.
    if ordering_key not in (ordering_key_of(label.workspace_id, label.aggregate_id), label.aggregate_id):
        return "the row's ordering key is not the one of the body's workspace and aggregate"
    return ""


def incoming_disagreement(workspace_id: str | None, event_id: str, body: bytes, attributes: Mapping[str, str]) -> str:
    """Why a parked row must not be processed again; empty when all agrees. A row of no workspace is one that could not be read."""
    try:
        label = label_of(body, attributes)
    except InvalidInput as error:
        return str(error)
    if workspace_id is None:
        return ""
    if label.workspace_id != workspace_id:
        return "the row and the body do not agree on the workspace"
    if label.event_id != event_id:
        return "the row and the body do not agree on the event's id"
    return ""

"""Messages that no service may act upon: one for each way in which a message can be wrong."""

from __future__ import annotations

from collections.abc import Mapping

from callmine.envelope.v1 import envelope_pb2
from contracts import Event, attributes_of, pack
from contracts.registry import TOPICS
from core.ids import parse_workspace_id
from e2e.taps import Recorded

OURS, THEIRS = parse_workspace_id("org_harborline01"), parse_workspace_id("org_quillstone01")

# What is wrong with the message, and a word of the reason it is parked with.
KINDS: Mapping[str, str] = {
    "no workspace": "workspace",
    "two workspaces": "workspace",
    "garbage": "envelope",
    "unknown type": "type",
    "malformed payload": "payload",
}


def poison(topic: str, kind: str) -> Recorded:
    """A message of `kind` for `topic`, as good as the topic's first message is in all other ways."""
    event = Event(
        workspace_id=OURS,
        payload=TOPICS[topic].messages[0](),
        producer=TOPICS[topic].publishers[0],
        aggregate_id=f"poison-{kind}",
        sequence=1,
    )
    attributes = dict(attributes_of(event))
    envelope = envelope_pb2.Envelope.FromString(pack(event))
    match kind:
        case "no workspace":
            envelope.workspace_id = ""
            del attributes["ce-workspaceid"]
        case "two workspaces":
            attributes["ce-workspaceid"] = THEIRS
        case "unknown type":
            envelope.type = attributes["ce-type"] = "callmine.nothing.v1.Nothing"
            envelope.payload.type_url = f"type.googleapis.com/{envelope.type}"
        case "malformed payload":
            envelope.payload.value = b"\xff\xff\xff"
    body = b"\xde\xad\xbe\xef" * 8 if kind == "garbage" else envelope.SerializeToString()
    return Recorded(topic, body, attributes, event.aggregate_id)

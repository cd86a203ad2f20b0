"""One AsyncAPI 3 document for all topics, made from proto/, the registry and the topology; and the table of topics in docs/events.md.

    python -m house.asyncapi            write docs/asyncapi.json, and the table
    python -m house.asyncapi --check    fail where one of them is not what the contracts give

Words come from the comments in proto/, above a message or a field.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, SourceCodeInfo
from grpc_tools import protoc

from callmine.envelope.v1.envelope_pb2 import Envelope
from contracts.registry import MESSAGES, TOPICS, Topic
from house.projects import ROOT
from messaging.topology import Subscription, Topology

FILE = ROOT / "docs/asyncapi.json"
EVENTS = ROOT / "docs/events.md"
BEGIN, END = "<!-- made by `make asyncapi` from here -->", "<!-- to here -->"

_PROTO = ROOT / "proto"
_TIMESTAMP = "google.protobuf.Timestamp"
_ANY = "google.protobuf.Any"

# Protobuf's JSON mapping (protobuf.dev/programming-guides/json): 64-bit integers are strings, bytes base64.
_KINDS: dict[int, dict[str, str]] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "uint32"},
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64"},
    FieldDescriptor.TYPE_UINT64: {"type": "string", "format": "uint64"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
}

_DESCRIPTION = """Everything that passes between Callmine's services, and what consumers of other teams may subscribe to. Each
Pub/Sub message is a protobuf `callmine.envelope.v1.Envelope`; schemas show it in protobuf's JSON form. Identifiers and numbers only: no
transcript, brief or report text travels here, and no credential in the clear. docs/events.md tells how to consume, and how contracts
change."""

Json = dict[str, Any]


def document() -> Json:
    """The whole document."""
    topology = Topology.load(ROOT / "deploy/topology.yaml")
    words = Words.read()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Callmine events", "version": "1", "description": _DESCRIPTION},
        "defaultContentType": "application/protobuf",
        "servers": {"pubsub": {"host": "pubsub.googleapis.com", "protocol": "googlepubsub"}},
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": {**_publishing(), **_receiving(topology)},
        "components": {
            "messages": {kind.name: _message(kind, words) for kind in _kinds()},
            "schemas": _schemas(words),
        },
    }


def _kinds() -> list[Descriptor]:
    return [cast("Descriptor", kind.DESCRIPTOR) for kind in MESSAGES.values()]


class Words:
    """The comments of proto/ by the full name of what they stand above."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments

    @classmethod
    def read(cls) -> Words:
        """From the sources. Raises SystemExit where protoc refuses them."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "set"
            sources = sorted(str(path.relative_to(_PROTO)) for path in _PROTO.rglob("*.proto"))
            well_known = resources.files("grpc_tools") / "_proto"
            options = [f"-I{_PROTO}", f"-I{well_known}", "--include_source_info", f"--descriptor_set_out={target}"]
            if protoc.main(["protoc", *options, *sources]) != 0:
                raise SystemExit("protoc refused the contracts: see the lines above")
            files = FileDescriptorSet.FromString(target.read_bytes()).file
        return cls({name: text for file in files for name, text in _comments(file)})

    def of(self, full_name: str) -> Json:
        """`{"description": …}`, or nothing where there is no comment."""
        text = self._comments.get(full_name, "")
        return {"description": text} if text else {}


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for place in file.source_code_info.location:
        name = _name_at(file, place)
        if name and place.leading_comments:
            yield f"{file.package}.{name}", " ".join(place.leading_comments.split())


def _name_at(file: FileDescriptorProto, place: SourceCodeInfo.Location) -> str:
    """The name of what stands at a path: 4 are messages, 4.n.2 their fields, 5 enums (descriptor.proto)."""
    match list(place.path):
        case [4, message]:
            return file.message_type[message].name
        case [4, message, 2, field]:
            return f"{file.message_type[message].name}.{file.message_type[message].field[field].name}"
        case [5, enum]:
            return file.enum_type[enum].name
        case _:
            return ""


def _channel(topic: Topic) -> Json:
    names = [kind.DESCRIPTOR.name for kind in topic.messages]
    return {
        "address": f"projects/{{project}}/topics/{topic.name}",
        "parameters": {"project": {"description": "The Google Cloud project of the environment"}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _publishing() -> Json:
    return {
        f"{service}.publishes.{topic.name}": {
            "action": "send",
            "title": f"{service} publishes on {topic.name}",
            "channel": {"$ref": f"#/channels/{topic.name}"},
        }
        for topic in TOPICS.values()
        for service in topic.publishers
    }


def _receiving(topology: Topology) -> Json:
    return {one.name: _subscription(one) for one in topology.subscriptions if one.dead_letter_topic}


def _subscription(one: Subscription) -> Json:
    return {
        "action": "receive",
        "title": f"{one.service} listens to {one.topic}",
        "channel": {"$ref": f"#/channels/{one.topic}"},
        "x-subscription": {
            "mode": one.mode,
            "ordered": one.ordering,
            "ackDeadlineSeconds": one.ack_deadline,
            "backoffSeconds": [one.min_backoff, one.max_backoff],
            "deadLetterTopic": one.dead_letter_topic,
            "attempts": one.max_attempts,
            "retentionDays": one.retention_days,
        },
    }


def _message(kind: Descriptor, words: Words) -> Json:
    envelope = "#/components/schemas/callmine.envelope.v1.Envelope"
    payload = {"$ref": f"#/components/schemas/{kind.full_name}"}
    return {
        "name": kind.full_name,
        "title": kind.name,
        **words.of(kind.full_name),
        "headers": _attributes(kind.full_name),
        "payload": {"allOf": [{"$ref": envelope}, {"type": "object", "properties": {"payload": payload}}]},
        "bindings": {"googlepubsub": {"orderingKey": "<workspace_id>/<aggregate_id>"}},
    }


def _attributes(full_name: str) -> Json:
    """The Pub/Sub attributes: they mirror the body in the manner of CloudEvents, and the body is the authority."""
    text = {"type": "string"}
    fixed = {"ce-type": full_name, "ce-specversion": "1.0"}
    free = ("ce-id", "ce-source", "ce-time", "ce-workspaceid", "content-type")
    properties = dict.fromkeys(free, text) | {name: {**text, "const": value} for name, value in fixed.items()}
    return {"type": "object", "properties": dict(sorted(properties.items())), "required": sorted(properties)}


def _schemas(words: Words) -> Json:
    found: Json = {}
    waiting: list[Descriptor | EnumDescriptor] = [Envelope.DESCRIPTOR, *_kinds()]
    while waiting:
        kind = waiting.pop()
        if kind.full_name in found:
            continue
        if isinstance(kind, EnumDescriptor):
            names = [value.name for value in kind.values]
            note = {"x-grows": "New values are added: take one that is unknown as the first one"}
            found[kind.full_name] = {"type": "string", **words.of(kind.full_name), "examples": names, **note}
            continue
        found[kind.full_name] = {
            "type": "object",
            **words.of(kind.full_name),
            "properties": {
                field.json_name: {**_field(field), **words.of(f"{kind.full_name}.{field.name}")}
                for field in kind.fields
            },
        }
        waiting += [one for field in kind.fields if (one := _refers_to(field)) is not None]
    return dict(sorted(found.items()))


def _field(field: FieldDescriptor) -> Json:
    if (entry := _map_entry(field)) is not None:
        return {"type": "object", "additionalProperties": _single(entry.fields_by_name["value"])}
    one = _single(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def _map_entry(field: FieldDescriptor) -> Descriptor | None:
    """What an entry of a map is; None for any other field."""
    entry: Descriptor | None = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None


def _single(field: FieldDescriptor) -> Json:
    target = field.message_type or field.enum_type
    if target is None:
        return dict(_KINDS[field.type])
    if target.full_name == _TIMESTAMP:
        return {"type": "string", "format": "date-time"}
    if target.full_name == _ANY:
        return {"type": "object", "properties": {"@type": {"type": "string"}}}
    return {"allOf": [{"$ref": f"#/components/schemas/{target.full_name}"}]}


def _refers_to(field: FieldDescriptor) -> Descriptor | EnumDescriptor | None:
    if (entry := _map_entry(field)) is not None:
        return _refers_to(entry.fields_by_name["value"])
    target: Descriptor | EnumDescriptor | None = field.message_type or field.enum_type
    return None if target is None or target.full_name.startswith("google.") else target


def table() -> str:
    """The topics, who publishes and who listens, as a table of Markdown."""
    topology = Topology.load(ROOT / "deploy/topology.yaml")
    lines = ["| topic | published by | heard by | messages |", "|---|---|---|---|"]
    for topic in TOPICS.values():
        heard = ", ".join(sorted(one.service for one in topology.subscriptions if one.topic == topic.name))
        messages = ", ".join(kind.DESCRIPTOR.name for kind in topic.messages)
        lines.append(f"| `{topic.name}` | {', '.join(topic.publishers)} | {heard} | {messages} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """docs/events.md with today's table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write or check the files."""
    made = {FILE: json.dumps(document(), indent=2, ensure_ascii=False) + "\n", EVENTS: with_table(EVENTS.read_text())}
    if "--check" not in arguments:
        for path, text in made.items():
            path.write_text(text)
        return 0
    differing = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
    if differing:
        sys.stderr.write(f"docs/{', docs/'.join(differing)}: not what the contracts give; run 'make asyncapi'\n")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

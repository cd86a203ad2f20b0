"""Golden bytes of every message: what a producer of that day sent, kept so that every later build can read it.

    make golden

writes a pair of files for each message, or field, that has none yet: `<message>.<n>.txt`, the payload for people, and
`<message>.<n>.binpb`, the packed event. Files that exist are never rewritten: they are the past.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from contracts import MESSAGES, Actor, ActorKind, Event, Source, pack
from core.ids import WorkspaceId

FOLDER = Path(__file__).with_name("golden")
WHEN = datetime(2026, 3, 1, 9, 30, 15, 250_000, tzinfo=UTC)


def event_of(payload: Message) -> Event[Message]:
    """The event that a golden file holds: everything but the payload is the same in all of them."""
    return Event(
        workspace_id=WorkspaceId("org_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
        payload=payload,
        producer="ingest",
        aggregate_id="0195520d-9d52-7000-8000-0000000000a1",
        sequence=7,
        event_id=uuid.UUID("0195520d-9d52-7000-8000-0000000000b2"),
        occurred_at=WHEN,
        causation_id="0195520d-9d52-7000-8000-0000000000c3",
        correlation_id="0195520d-9d52-7000-8000-0000000000d4",
        actor=Actor(ActorKind.USER, "user_2NNEqL2", "dana@quillstone.example", Source.WEB),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )


def filled(kind: type[Message]) -> Message:
    """A message of `kind` with every field set; where only one of several can be, the last is."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        values = [_value(cast("FieldDescriptor", field), position) for position in (1, 2)]
        if _is_map(cast("FieldDescriptor", field)):
            getattr(message, field.name).update((one.key, one.value) for one in cast("list[Any]", values))
        elif field.is_repeated:
            getattr(message, field.name).extend(values)
        elif isinstance(values[0], Message):
            getattr(message, field.name).CopyFrom(values[0])
        else:
            setattr(message, field.name, values[0])
    return message


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _value(field: FieldDescriptor, position: int) -> object:
    """Something that tells the field apart from the others; `position` from its neighbours in a list."""
    kind = field.cpp_type
    if field.message_type is not None:
        nested = GetMessageClass(field.message_type)
        return Timestamp(seconds=int(WHEN.timestamp()) + field.number) if nested is Timestamp else filled(nested)
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values if value.number]
        return numbers[(position - 1) % len(numbers)]
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return field.number + position / 4
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = f"{field.name} {position}"
        return text if field.type == FieldDescriptor.TYPE_STRING else text.encode()
    return field.number * 1000 + position


def paths_of(message: Message, prefix: str = "") -> Iterator[str]:
    """The dotted path of every field that is set in `message`, well-known types as one."""
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        yield path
        if field.message_type is None or _is_map(field):
            continue
        if not field.message_type.full_name.startswith("google."):
            for one in value if field.is_repeated else [value]:
                yield from paths_of(one, f"{path}.")


def files_of(name: str, folder: Path = FOLDER) -> list[Path]:
    """The text files of the message called `name`, oldest first."""
    return sorted(folder.glob(f"{name}.*.txt"), key=lambda path: int(path.name.split(".")[-2]))


def payload_of(path: Path) -> Message:
    """The payload in a text file."""
    kind = MESSAGES[path.name.rsplit(".", 2)[0]]
    return text_format.Parse(path.read_text(), kind())


def uncovered(name: str, folder: Path = FOLDER) -> set[str]:
    """Fields of the message called `name` that no golden file of it sets."""
    covered = {field for path in files_of(name, folder) for field in paths_of(payload_of(path))}
    return set(paths_of(filled(MESSAGES[name]))) - covered


def write_missing(folder: Path = FOLDER) -> list[str]:
    """Write a pair of files for each message with uncovered fields; the names written."""
    folder.mkdir(exist_ok=True)
    written: list[str] = []
    for name, kind in MESSAGES.items():
        if files_of(name, folder) and not uncovered(name, folder):
            continue
        stem = f"{name}.{len(files_of(name, folder)) + 1}"
        payload = filled(kind)
        (folder / f"{stem}.txt").write_text(text_format.MessageToString(payload, as_utf8=True))
        (folder / f"{stem}.binpb").write_bytes(pack(event_of(payload)))
        written.append(stem)
    return written


if __name__ == "__main__":
    for stem in write_missing():
        print(f"golden: {stem}")

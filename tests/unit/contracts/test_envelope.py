"""Packing and unpacking an event, every way in which a message is refused, and what a newer producer may send."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf import any_pb2, timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted
from callmine.envelope.v1.envelope_pb2 import Envelope
from contracts import Actor, ActorKind, Event, Source, attributes_of, label_of, ordering_key_of, pack, unpack
from contracts.envelope import LARGEST_BODY
from core.errors import InvalidInput
from core.ids import WorkspaceId

SECRET = "what somebody wrote"


def event() -> Event[CallFetched]:
    return Event(
        workspace_id=WorkspaceId("org_a"),
        payload=CallFetched(run_id="r1", call_id="c1", size_bytes=5),
        producer="ingest",
        aggregate_id="r1",
        sequence=3,
        occurred_at=datetime(2026, 3, 1, 9, 30, 15, 250_000, tzinfo=UTC),
        causation_id="before",
        correlation_id="all",
        actor=Actor(ActorKind.STAFF, "user_a", "a@example.com", Source.API),
        traceparent="00-aa-bb-01",
    )


def envelope() -> Envelope:
    return Envelope.FromString(pack(event()))


@given(
    sequence=st.integers(min_value=-(2**63), max_value=2**63 - 1),
    # One that begins like a workspace's has to be this one's.
    aggregate_id=st.text(max_size=40).filter(lambda text: text.isprintable() and not text.startswith("org_")),
    microsecond=st.integers(0, 999_999),
    actor=st.builds(
        Actor,
        st.sampled_from(ActorKind),
        st.text("abc_", max_size=9),
        st.just("a@example.com"),
        st.sampled_from(Source),
    ),
)
def test_what_is_packed_comes_out_again(sequence: int, aggregate_id: str, microsecond: int, actor: Actor) -> None:
    given_event = Event(
        workspace_id=WorkspaceId("org_a"),
        payload=CallFetched(call_id=aggregate_id),
        producer="ingest",
        aggregate_id=aggregate_id,
        sequence=sequence,
        occurred_at=datetime(2026, 3, 1, 9, 30, 15, microsecond, tzinfo=UTC),
        actor=actor,
    )
    assert unpack(pack(given_event), attributes_of(given_event)) == given_event


def test_packing_is_deterministic() -> None:
    one = event()
    assert pack(one) == pack(unpack(pack(one), attributes_of(one)))


def test_each_event_gets_an_id_and_a_time_of_its_own() -> None:
    first, second = event(), event()
    assert first.event_id < second.event_id
    assert Event(
        workspace_id=WorkspaceId("org_a"), payload=CallFetched(), producer="x", aggregate_id="y", sequence=1
    ).occurred_at.tzinfo


def test_the_attributes_mirror_the_event_as_cloudevents_name_it() -> None:
    one = event()
    assert attributes_of(one) == {
        "traceparent": "00-aa-bb-01",
        "ce-id": str(one.event_id),
        "ce-type": "callmine.calls.v1.CallFetched",
        "ce-source": "ingest",
        "ce-specversion": "1.0",
        "ce-time": "2026-03-01T09:30:15.250000+00:00",
        "ce-workspaceid": "org_a",
        "content-type": "application/protobuf",
    }


def refused(body: bytes, attributes: dict[str, str]) -> str:
    with pytest.raises(InvalidInput) as refusal:
        unpack(body, attributes)
    return str(refusal.value)


@pytest.mark.parametrize("body", [b"\xff\xff\xff", SECRET.encode(), b"\x00"])
def test_garbage_is_refused(body: bytes) -> None:
    assert refused(body, {}) == "the body is not an envelope"


def test_an_empty_body_names_no_workspace() -> None:
    assert "workspace_id is missing" in refused(b"", {})


def test_a_body_too_large_is_refused_before_it_is_read() -> None:
    assert refused(b"\xff" * (LARGEST_BODY + 1), {}).startswith(f"the message has {LARGEST_BODY + 1} bytes")


def spoil(**fields: object) -> Callable[[Envelope], None]:
    def change(sent: Envelope) -> None:
        for name, value in fields.items():
            setattr(sent, name, value)

    return change


def spoil_payload(type_url: str, value: bytes) -> Callable[[Envelope], None]:
    return lambda sent: sent.payload.CopyFrom(any_pb2.Any(type_url=type_url, value=value))


def spoil_time(sent: Envelope) -> None:
    sent.occurred_at.CopyFrom(timestamp_pb2.Timestamp(seconds=2**60))


REFUSALS: dict[str, tuple[Callable[[Envelope], None], str]] = {
    "no workspace": (spoil(workspace_id=""), "workspace_id is missing or malformed"),
    "malformed workspace": (spoil(workspace_id=f"org_a/{SECRET}"), "workspace_id is missing or malformed"),
    "unknown type": (spoil(type=f"callmine.{SECRET}"), "the message type is not known here"),
    "no type": (spoil(type=""), "the message type is not known here"),
    "id is no UUID": (spoil(event_id=SECRET), "event_id is not a UUID"),
    "payload of another type": (
        spoil_payload("type.googleapis.com/callmine.calls.v1.FetchCompleted", FetchCompleted().SerializeToString()),
        "the payload is not of the type",
    ),
    "payload without a type": (spoil_payload("", b""), "the payload is not of the type"),
    "payload is garbage": (
        spoil_payload("type.googleapis.com/callmine.calls.v1.CallFetched", b"\xff\xff"),
        "the payload is not a message of its type",
    ),
    "another workspace's aggregate": (spoil(aggregate_id="org_b:gong"), "the aggregate belongs to another workspace"),
    "no time": (spoil_time, "occurred_at is not a time"),
}


def mirror(sent: Envelope) -> dict[str, str]:
    return {"ce-id": sent.event_id, "ce-type": sent.type, "ce-workspaceid": sent.workspace_id}


@pytest.mark.parametrize("case", REFUSALS)
def test_each_way_of_being_wrong_is_refused_and_not_quoted(case: str) -> None:
    change, reason = REFUSALS[case]
    sent = envelope()
    unpack(sent.SerializeToString(), mirror(sent))
    change(sent)
    said = refused(sent.SerializeToString(), mirror(sent))
    assert reason in said
    assert SECRET not in said


@pytest.mark.parametrize("name", ["ce-id", "ce-type", "ce-workspaceid"])
@pytest.mark.parametrize("value", [None, "", "org_b"])
def test_attributes_that_disagree_with_the_body_are_refused(name: str, value: str | None) -> None:
    one = event()
    attributes = attributes_of(one)
    if value is None:
        del attributes[name]
    else:
        attributes[name] = value
    assert refused(pack(one), attributes) == f"attribute {name} does not agree with the body"


def test_attributes_that_only_inform_may_differ() -> None:
    one = event()
    attributes = {**attributes_of(one), "ce-time": "later", "googclient_schemaencoding": "BINARY"}
    assert unpack(pack(one), attributes) == one


def test_fields_of_a_newer_producer_are_tolerated() -> None:
    sent = envelope()
    unknown = b"\xfa\x7f\x05newer"  # field 2047, length-delimited
    sent.payload.value += unknown
    read = unpack(sent.SerializeToString() + unknown, mirror(sent))
    assert isinstance(read.payload, CallFetched)
    assert read.payload.call_id == "c1"


def test_actors_of_a_newer_producer_are_read_as_the_system() -> None:
    sent = envelope()
    # Number 99 of an open enum, written as bytes: the generated types do not let it be named.
    sent.actor.MergeFromString(b"\x08\x63\x20\x63")
    read = unpack(sent.SerializeToString(), mirror(sent))
    assert (read.actor.kind, read.actor.source, read.actor.id) == (ActorKind.SYSTEM, Source.SYSTEM, "user_a")


def test_an_event_id_is_read_as_a_uuid() -> None:
    one = event()
    assert isinstance(unpack(pack(one), attributes_of(one)).event_id, uuid.UUID)


def test_a_label_tells_the_outside_and_leaves_the_payload_closed() -> None:
    sent = envelope()
    sent.payload.value = b"\xff\xff"
    label = label_of(sent.SerializeToString(), mirror(sent))
    assert label == ("org_a", sent.event_id, "callmine.calls.v1.CallFetched", "r1")
    with pytest.raises(InvalidInput, match="ce-workspaceid does not agree"):
        label_of(sent.SerializeToString(), {**mirror(sent), "ce-workspaceid": "org_b"})


def test_an_ordering_key_begins_with_the_workspace() -> None:
    assert ordering_key_of(WorkspaceId("org_a"), "r1") == "org_a/r1"

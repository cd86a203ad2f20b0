"""The table of topics: every message has its place, and who may publish is settled."""

from __future__ import annotations

import pytest

from callmine.calls.v1.calls_pb2 import CallFetched
from callmine.credentials.v1.credentials_pb2 import CredentialDenied, CredentialGranted, CredentialRequested
from callmine.envelope.v1.envelope_pb2 import Envelope
from contracts import MESSAGES, TOPICS, publishers_of, topic_for
from contracts.registry import REQUESTERS, SERVICES, carries
from house.projects import ROOT


def test_every_declared_message_is_registered() -> None:
    """A message in a contract that no topic carries was forgotten; parts of messages are not sent on their own."""
    parts = {"callmine.audit.v1.FieldChange"}
    declared: set[str] = set()
    used: set[str] = set()
    for kind in MESSAGES.values():
        file = kind.DESCRIPTOR.file
        declared |= {f"{file.package}.{name}" for name in file.message_types_by_name}
        used |= {field.message_type.full_name for field in kind.DESCRIPTOR.fields if field.message_type is not None}
    assert declared - used - parts == MESSAGES.keys()


def test_every_contract_has_a_topic() -> None:
    packages = {".".join(path.relative_to(ROOT / "proto").parts[:-1]) for path in (ROOT / "proto").rglob("*.proto")}
    assert packages - {name.rsplit(".", 1)[0] for name in MESSAGES} == {"callmine.envelope.v1"}


def test_publishers_are_services() -> None:
    for topic in TOPICS.values():
        assert topic.publishers
        assert set(topic.publishers) <= set(SERVICES)
        assert publishers_of(topic.name) == topic.publishers


def test_only_the_vault_grants_and_only_the_requester_asks() -> None:
    for requester in REQUESTERS:
        assert publishers_of(f"credential-requests-{requester}") == (requester,)
        assert publishers_of(f"credential-grants-{requester}") == ("credential-vault",)


@pytest.mark.parametrize("kind", MESSAGES.values(), ids=MESSAGES)
def test_the_topic_of_a_message_carries_it(kind: type[CallFetched]) -> None:
    requester = "ingest" if "credentials" in kind.DESCRIPTOR.full_name else None
    assert kind in TOPICS[topic_for(kind(), requester)].messages


def test_a_credential_topic_needs_its_requester() -> None:
    assert topic_for(CredentialRequested(), "ingest") == "credential-requests-ingest"
    assert (
        topic_for(CredentialGranted(), "analysis")
        == topic_for(CredentialDenied(), "analysis")
        == "credential-grants-analysis"
    )
    for requester in (None, "retention", "", "ngest"):
        with pytest.raises(ValueError, match="has no topic"):
            topic_for(CredentialGranted(), requester)


def test_other_messages_ignore_the_requester() -> None:
    assert topic_for(CallFetched(), "ingest") == "calls"


def test_what_is_not_registered_has_no_topic() -> None:
    with pytest.raises(ValueError, match=r"callmine\.envelope\.v1\.Envelope has no topic"):
        topic_for(Envelope())
    assert publishers_of("nowhere") == ()


def test_a_topic_carries_its_own_messages_only() -> None:
    assert carries("calls", "callmine.calls.v1.CallFetched")
    assert not carries("reports", "callmine.calls.v1.CallFetched")
    assert not carries("gossip", "callmine.calls.v1.CallFetched")

"""Which topic carries which messages, and who may publish to it: DESIGN's table as data.

Subscriptions, their mode and their dead letters are a matter of deployment and stand in `deploy/topology.yaml`; a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message
from msgspec import Struct

from callmine.audit.v1 import audit_pb2
from callmine.billing.v1 import billing_pb2
from callmine.calls.v1 import calls_pb2
from callmine.credentials.v1 import credentials_pb2
from callmine.erasure.v1 import erasure_pb2, people_pb2
from callmine.erasure.v1 import reports_pb2 as report_erasure_pb2
from callmine.fetches.v1 import fetches_pb2
from callmine.integrations.v1 import integrations_pb2
from callmine.plans.v1 import plans_pb2
from callmine.reports.v1 import reports_pb2
from callmine.staff.v1 import staff_pb2
from callmine.subprocessors.v1 import subprocessors_pb2
from callmine.workspaces.v1 import workspaces_pb2

SERVICES: Final = ("ingest", "analysis", "credential-vault", "audit", "retention")

# Services that may ask the vault for a credential; each has a pair of topics of its own, so that the topic says who asked.
REQUESTERS: Final = ("ingest", "analysis", "audit")

# Services that somebody of our staff may look into under a grant. The vault and the log are closed to staff altogether.
STAFFED: Final = ("ingest", "analysis", "retention")


class Topic(Struct, frozen=True):
    """A topic: its name, the services that may publish to it, and the message types that travel on it."""

    name: str
    publishers: tuple[str, ...]
    messages: tuple[type[Message], ...]


_SHARED = (
    Topic(
        "workspaces",
        ("ingest",),
        (
            workspaces_pb2.WorkspaceCreated,
            workspaces_pb2.WorkspaceUpdated,
            workspaces_pb2.MemberInvited,
            workspaces_pb2.MemberAdded,
            workspaces_pb2.MemberRemoved,
            workspaces_pb2.MemberRoleChanged,
            workspaces_pb2.ApiKeyCreated,
            workspaces_pb2.ApiKeyRevoked,
        ),
    ),
    # ingest notes the uses of a key itself.
    Topic("api-key-uses", tuple(service for service in SERVICES if service != "ingest"), (workspaces_pb2.ApiKeyUsed,)),
    Topic(
        "billing",
        ("ingest",),
        (billing_pb2.SubscriptionChanged, billing_pb2.CheckoutCompleted, billing_pb2.PaymentFailed),
    ),
    Topic("plans", ("retention",), (plans_pb2.PlanChanged, plans_pb2.AddonCredited)),
    Topic(
        "integrations",
        ("credential-vault",),
        (
            integrations_pb2.IntegrationConnected,
            integrations_pb2.IntegrationDisconnected,
            integrations_pb2.IntegrationNeedsReconnect,
        ),
    ),
    Topic(
        "fetches",
        ("analysis",),
        (fetches_pb2.PreviewRequested, fetches_pb2.FetchRequested, fetches_pb2.FetchCancelled),
    ),
    Topic(
        "calls",
        ("ingest",),
        (
            calls_pb2.PreviewReady,
            calls_pb2.CallFetched,
            calls_pb2.FetchCompleted,
            calls_pb2.FetchFailed,
            calls_pb2.FetchPaused,
        ),
    ),
    Topic(
        "reports",
        ("analysis",),
        (
            reports_pb2.CallAnalysed,
            reports_pb2.ReportCompleted,
            reports_pb2.RunFailed,
            reports_pb2.RunCancelled,
            reports_pb2.UsageThresholdReached,
        ),
    ),
    Topic("audit", SERVICES, (audit_pb2.AdminAction, audit_pb2.StaffAccess)),
    Topic("sub-processors", ("retention",), (subprocessors_pb2.SubProcessorAnnounced,)),
    Topic("staff-grants", ("audit",), (staff_pb2.StaffGranted, staff_pb2.StaffGrantEnded)),
    Topic("erasure", ("retention",), (erasure_pb2.ErasureRequested, erasure_pb2.ErasureVerify)),
    Topic(
        "erasure-receipts",
        tuple(service for service in SERVICES if service != "retention"),
        (erasure_pb2.ErasureCompleted,),
    ),
    # Apart from `erasure`: only the service that has the reports hears of the erasure of one.
    Topic(
        "report-erasures",
        ("retention",),
        (
            report_erasure_pb2.ReportErasureAnnounced,
            report_erasure_pb2.ReportErasureRequested,
            report_erasure_pb2.ReportErasureVerify,
        ),
    ),
    Topic("report-erasure-receipts", ("analysis",), (report_erasure_pb2.ReportErasureAnswered,)),
    # A person's address is told to the service that knows whom it belongs to, and to no other.
    Topic("person-searches", ("retention",), (people_pb2.PersonSearchRequested,)),
    Topic("person-erasures", ("retention",), (people_pb2.PersonErasureRequested,)),
    Topic(
        "person-erasure-receipts",
        tuple(service for service in SERVICES if service != "retention"),
        (people_pb2.PersonFound, people_pb2.PersonErasureAnswered),
    ),
)

# Only ingest hears webhooks.
_NOTICES: Final[Mapping[str, tuple[type[Message], ...]]] = {"ingest": (credentials_pb2.RevocationNoticed,)}

_REQUESTS = tuple(
    Topic(
        f"credential-requests-{service}",
        (service,),
        (credentials_pb2.CredentialRequested, credentials_pb2.CredentialRejected, *_NOTICES.get(service, ())),
    )
    for service in REQUESTERS
)

_GRANTS = tuple(
    Topic(
        f"credential-grants-{service}",
        ("credential-vault",),
        (credentials_pb2.CredentialGranted, credentials_pb2.CredentialDenied),
    )
    for service in REQUESTERS
)

TOPICS: Final[Mapping[str, Topic]] = {topic.name: topic for topic in (*_SHARED, *_REQUESTS, *_GRANTS)}

MESSAGES: Final[Mapping[str, type[Message]]] = {
    message.DESCRIPTOR.full_name: message for topic in TOPICS.values() for message in topic.messages
}

_CARRIED: Final[Mapping[str, frozenset[str]]] = {
    topic.name: frozenset(message.DESCRIPTOR.full_name for message in topic.messages) for topic in TOPICS.values()
}

_ONLY_TOPIC: Final[Mapping[str, str]] = {
    message.DESCRIPTOR.full_name: topic.name for topic in _SHARED for message in topic.messages
}


def topic_for(message: Message, requester: str | None = None) -> str:
    """The topic `message` travels on. `requester` names the service on the other end of a credential topic.

    Raises ValueError for a message without a topic, and for a credential message without a known requester.
    """
    name = message.DESCRIPTOR.full_name
    if name in _ONLY_TOPIC:
        return _ONLY_TOPIC[name]
    for topic in (*_REQUESTS, *_GRANTS):
        if type(message) in topic.messages and topic.name.endswith(f"-{requester}"):
            return topic.name
    raise ValueError(f"{name} has no topic (requester: {requester}): add it to contracts.registry")


def carries(topic: str, type_name: str) -> bool:
    """Whether messages of this type travel on `topic`; False for an unknown topic."""
    return type_name in _CARRIED.get(topic, frozenset())


def publishers_of(topic: str) -> tuple[str, ...]:
    """The services that may publish to `topic`; empty for an unknown topic."""
    return TOPICS[topic].publishers if topic in TOPICS else ()

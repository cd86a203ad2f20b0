"""`deploy/topology.yaml` as types: which service listens to which topic, how, and who may do what.

topology = Topology.load(path)
plan = topology.plan("my-project", push_base_urls={"retention": "https://retention.example.com", ...})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from contracts.registry import TOPICS
from core.errors import CallmineError
from core.twins import content_of, twin_beside

Mode = Literal["push", "pull"]


class TopologyInvalid(CallmineError):
    """The topology file cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Deadlines(_Strict):
    pull: int = Field(ge=10, le=600)
    push: int = Field(ge=10, le=600)


class _Defaults(_Strict):
    ack_deadline_seconds: _Deadlines
    ordering: bool
    min_backoff_seconds: int = Field(ge=0, le=600)
    max_backoff_seconds: int = Field(ge=0, le=600)
    # Pub/Sub's own bounds (cloud.google.com/pubsub/docs/dead-letter-topics).
    max_attempts: int = Field(ge=5, le=100)
    retention_days: int = Field(ge=1, le=31)


class _Service(_Strict):
    account: str
    mode: Mode
    topics: tuple[str, ...]


class _Exception(_Strict):
    mode: Mode | None = None
    ack_deadline_seconds: int | None = Field(default=None, ge=10, le=600)
    ordering: bool | None = None
    min_backoff_seconds: int | None = Field(default=None, ge=0, le=600)
    max_backoff_seconds: int | None = Field(default=None, ge=0, le=600)
    max_attempts: int | None = Field(default=None, ge=5, le=100)


class _File(_Strict):
    defaults: _Defaults
    push_account: str
    services: dict[str, _Service]
    exceptions: dict[str, _Exception]


def _from_yaml(text: str) -> object:
    """What stands in `text`. Raises ValueError for what is no YAML."""
    import yaml

    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


class Subscription(Struct, frozen=True):
    """One subscription; times in seconds. `dead_letter_topic` is empty for a dead-letter subscription itself."""

    name: str
    topic: str
    service: str
    mode: Mode
    ack_deadline: int
    ordering: bool
    min_backoff: int
    max_backoff: int
    dead_letter_topic: str
    max_attempts: int
    retention_days: int


class PlannedSubscription(Struct, frozen=True):
    """A subscription with the full names that Pub/Sub wants; `push_endpoint` is empty for pull."""

    path: str
    topic_path: str
    dead_letter_topic_path: str
    push_endpoint: str
    push_audience: str
    push_account: str
    subscription: Subscription


class Plan(Struct, frozen=True):
    """All that has to exist in a project."""

    topics: tuple[str, ...]
    subscriptions: tuple[PlannedSubscription, ...]


class Access(Struct, frozen=True):
    """Service accounts (e-mail addresses) by full name: who may publish to a topic, who may consume a subscription."""

    publishers: Mapping[str, frozenset[str]]
    consumers: Mapping[str, frozenset[str]]


class Topology(Struct, frozen=True):
    """Which service listens to which topic, and how."""

    services: Mapping[str, str]
    push_account: str
    subscriptions: tuple[Subscription, ...]

    @classmethod
    def load(cls, path: Path) -> Topology:
        """Read the file. Raises TopologyInvalid, naming the place, when it does not fit the registry of contracts."""
        beside = twin_beside(path)
        try:
            twin = beside.read_text() if beside.exists() else ""
            file = _File.model_validate(content_of(path.read_text(), twin, _from_yaml))
        except ValueError as error:
            raise TopologyInvalid(f"{path.name} is not a topology: {error}") from error
        subscriptions = tuple(_subscriptions(file))
        names = {subscription.name for subscription in subscriptions}
        if unknown := set(file.exceptions) - names:
            raise TopologyInvalid(f"{path.name}: exceptions for subscriptions that do not exist: {sorted(unknown)}")
        accounts = {name: service.account for name, service in file.services.items()}
        return cls(accounts, file.push_account, subscriptions)

    def of(self, service: str, mode: Mode | None = None) -> tuple[Subscription, ...]:
        """The subscriptions of `service`, dead letters included; of one mode if given."""
        return tuple(s for s in self.subscriptions if s.service == service and mode in {None, s.mode})

    def plan(self, project: str, push_base_urls: Mapping[str, str]) -> Plan:
        """What has to exist in `project`; `push_base_urls` says where each service with push subscriptions is reached."""
        dead_letters = [dead_letter_topic(service) for service in self.services]
        topics = tuple(_topic_path(project, name) for name in (*TOPICS, *dead_letters))
        return Plan(topics, tuple(self._planned(one, project, push_base_urls) for one in self.subscriptions))

    def access(self, project: str) -> Access:
        """Who may publish and consume, from the registry's publishers and the subscriptions' services."""
        publishers = {
            _topic_path(project, topic.name): frozenset(self.account(service, project) for service in topic.publishers)
            for topic in TOPICS.values()
        }
        consumers = {
            _subscription_path(project, one.name): frozenset({self.account(one.service, project)})
            for one in self.subscriptions
        }
        return Access(publishers, consumers)

    def account(self, service: str, project: str) -> str:
        """The e-mail address of a service's own account."""
        return _email(self.services[service], project)

    def _planned(self, one: Subscription, project: str, push_base_urls: Mapping[str, str]) -> PlannedSubscription:
        base = push_base_urls[one.service].rstrip("/") if one.mode == "push" else ""
        return PlannedSubscription(
            path=_subscription_path(project, one.name),
            topic_path=_topic_path(project, one.topic),
            dead_letter_topic_path=_topic_path(project, one.dead_letter_topic) if one.dead_letter_topic else "",
            push_endpoint=f"{base}/events/{one.name}" if base else "",
            push_audience=base,
            push_account=_email(self.push_account, project) if base else "",
            subscription=one,
        )


def dead_letter_topic(service: str) -> str:
    """Where messages go that `service` has failed to take too often."""
    return f"dead-letters-{service}"


def dead_letter_subscription(service: str) -> str:
    """By which `service` gets them to park."""
    return f"{service}.dead-letters"


def _subscriptions(file: _File) -> list[Subscription]:
    found: list[Subscription] = []
    for service, settings in file.services.items():
        for topic in settings.topics:
            if topic not in TOPICS:
                raise TopologyInvalid(f"{service} listens to {topic}, which is not in contracts.registry")
            found.append(_subscription(file, service, f"{service}.{topic}", topic, dead_letter_topic(service)))
        found.append(_subscription(file, service, dead_letter_subscription(service), dead_letter_topic(service), ""))
    return found


def _subscription(file: _File, service: str, name: str, topic: str, dead_letters: str) -> Subscription:
    exception = file.exceptions.get(name, _Exception())
    defaults = file.defaults
    mode: Mode = exception.mode or file.services[service].mode
    deadline = defaults.ack_deadline_seconds.push if mode == "push" else defaults.ack_deadline_seconds.pull
    return Subscription(
        name=name,
        topic=topic,
        service=service,
        mode=mode,
        ack_deadline=_first(exception.ack_deadline_seconds, deadline),
        ordering=defaults.ordering if exception.ordering is None else exception.ordering,
        min_backoff=_first(exception.min_backoff_seconds, defaults.min_backoff_seconds),
        max_backoff=_first(exception.max_backoff_seconds, defaults.max_backoff_seconds),
        dead_letter_topic=dead_letters,
        max_attempts=_first(exception.max_attempts, defaults.max_attempts),
        retention_days=defaults.retention_days,
    )


def _first(given: int | None, default: int) -> int:
    return default if given is None else given


def _topic_path(project: str, name: str) -> str:
    return f"projects/{project}/topics/{name}"


def _subscription_path(project: str, name: str) -> str:
    return f"projects/{project}/subscriptions/{name}"


def _email(account: str, project: str) -> str:
    return f"{account}@{project}.iam.gserviceaccount.com"

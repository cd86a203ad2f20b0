"""Who may do what, as IAM decides it for Pub/Sub: publishers per topic, subscribers per subscription, administrators."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.rpc import ANYONE, Call, Identities, Refused


@dataclass(frozen=True, slots=True)
class Policy:
    """Plain data from the composition root.

    `tokens`: bearer token -> service account; without any, identity is off and everybody may do everything.
    `publishers` and `consumers`: full resource name -> accounts. `admins` create, change and delete.
    """

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    publishers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    consumers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    admins: frozenset[str] = frozenset()

    @classmethod
    def read(cls, data: Mapping[str, object]) -> "Policy":
        """From decoded JSON with the same keys, lists in place of sets."""
        tokens, publishers, consumers = (_mapping(data, key) for key in ("tokens", "publishers", "consumers"))
        admins = data.get("admins", [])
        return cls(
            {token: str(account) for token, account in tokens.items()},
            {name: _accounts(accounts) for name, accounts in publishers.items()},
            {name: _accounts(accounts) for name, accounts in consumers.items()},
            _accounts(admins),
        )


class Guard:
    """Answers whether the caller of one request may go on; raises `Refused` otherwise."""

    __slots__ = ("_identities", "_policy")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._identities = Identities(policy.tokens)

    def known(self, call: Call) -> str:
        """Any account of the table may look at topics and subscriptions."""
        return self._identities.account(call.invocation_metadata())

    def may_publish(self, call: Call, topic: str) -> None:
        account = self.known(call)
        if account != ANYONE and account not in self._policy.publishers.get(topic, ()):
            raise Refused.forbidden(account, "pubsub.topics.publish", topic)

    def may_consume(self, call: Call, subscription: str) -> None:
        account = self.known(call)
        if account != ANYONE and account not in self._policy.consumers.get(subscription, ()):
            raise Refused.forbidden(account, "pubsub.subscriptions.consume", subscription)

    def may_administer(self, call: Call, resource: str) -> None:
        account = self.known(call)
        if account != ANYONE and account not in self._policy.admins:
            raise Refused.forbidden(account, "pubsub administration", resource)


def _mapping(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise TypeError(f"`{key}` of the broker's policy must be an object.")
    return value


def _accounts(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise TypeError("Accounts in the broker's policy are given as a list of e-mail addresses.")
    return frozenset(map(str, value))

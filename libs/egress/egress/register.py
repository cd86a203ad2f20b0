"""Who data may go to: the sub-processors, and the systems that a customer connects. Nothing goes to anybody who is not in it.

This is the register itself: what the page of sub-processors says is read from here, and a service whose destinations are not covered
by it does not start. A new sub-processor is listed with the day on which it is published; it is in effect 30 days after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Final

from egress.destination import Destination, check_pattern, covers
from egress.errors import NotInRegister

NOTICE = timedelta(days=30)


class Kind(Enum):
    """Why data goes to a company."""

    SUB_PROCESSOR = "sub-processor"
    """We chose it, for all customers; they are told 30 days before."""
    INTEGRATION = "integration"
    """The customer's own account there, connected by an admin of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One company. `hosts` are exact names, or `*.suffix` for any name below it.

    With `own_hosts` it is the customer who names the host, for their own workspace: there is none here, and none in the settings.
    `listed` is the day on which it was published, None for what was on the list before the first customer was.
    """

    name: str
    company: str
    kind: Kind
    purpose: str
    hosts: tuple[str, ...]
    listed: date | None = None
    own_hosts: bool = False

    def __post_init__(self) -> None:
        if self.own_hosts and (self.hosts or self.kind is not Kind.INTEGRATION):
            raise ValueError(
                f"{self.name}: only a customer's own integration has hosts that the customer names, and no others"
            )
        for host in self.hosts:
            check_pattern(self.name, host)

    @property
    def effective(self) -> date | None:
        """The first day on which data may go there; None where that was so from the start."""
        if self.listed is None:
            return None
        return self.listed + NOTICE if self.kind is Kind.SUB_PROCESSOR else self.listed

    def in_effect(self, today: date) -> bool:
        """Whether data may go there on `today`, a day in UTC."""
        return self.effective is None or today >= self.effective


class Register:
    """All recipients, by name."""

    def __init__(self, recipients: Iterable[Recipient]) -> None:
        self._by_name: dict[str, Recipient] = {}
        for recipient in recipients:
            if recipient.name in self._by_name:
                raise ValueError(f"{recipient.name} is in the register twice")
            self._by_name[recipient.name] = recipient

    def __iter__(self) -> Iterator[Recipient]:
        return iter(self._by_name.values())

    def admit(self, destination: Destination, today: date) -> None:
        """Raise NotInRegister unless all hosts of `destination` belong to a recipient that is in effect on `today`.

        A base_url on loopback is covered: what stays on this machine goes to nobody.
        """
        recipient = self._in_effect(destination, today)
        named = destination.hosts if destination.local else (*destination.hosts, destination.base_host)
        foreign = [host for host in named if not any(covers(allowed, host) for allowed in recipient.hosts)]
        if foreign:
            raise NotInRegister(destination.name, f"{', '.join(foreign)} is not a host of {recipient.name}")

    def admit_own(self, destination: Destination, today: date) -> None:
        """Raise NotInRegister unless the recipient is one whose host the customer names, and the destination is that one host."""
        recipient = self._in_effect(destination, today)
        if not recipient.own_hosts or destination.hosts:
            raise NotInRegister(destination.name, f"the hosts of {recipient.name} are not the customer's to name")

    def _in_effect(self, destination: Destination, today: date) -> Recipient:
        recipient = self._by_name.get(destination.recipient)
        if recipient is None:
            raise NotInRegister(destination.name, f"{destination.recipient} is not listed")
        if not recipient.in_effect(today):
            raise NotInRegister(destination.name, f"{recipient.name} is in effect from {recipient.effective}")
        return recipient


REGISTER: Final = Register(
    [
        Recipient(
            name="google",
            company="Google Cloud",
            kind=Kind.SUB_PROCESSOR,
            purpose="runs Callmine: computing, databases, storage, messages, secrets and keys",
            hosts=("*.googleapis.com",),
        ),
        Recipient(
            name="clerk",
            company="Clerk",
            kind=Kind.SUB_PROCESSOR,
            purpose="signs people in, and keeps organisations, members and invitations",
            hosts=("api.clerk.com", "clerk.callmine.ai", "*.clerk.accounts.dev"),
        ),
        Recipient(
            name="stripe",
            company="Stripe",
            kind=Kind.SUB_PROCESSOR,
            purpose="takes payments and keeps subscriptions",
            hosts=("api.stripe.com",),
        ),
        Recipient(
            name="openai",
            company="OpenAI",
            kind=Kind.SUB_PROCESSOR,
            purpose="answers a brief from transcripts, where one of its models is chosen",
            hosts=("api.openai.com",),
        ),
        Recipient(
            name="anthropic",
            company="Anthropic",
            kind=Kind.SUB_PROCESSOR,
            purpose="answers a brief from transcripts, where one of its models is chosen",
            hosts=("api.anthropic.com",),
        ),
        Recipient(
            name="gong",
            company="Gong",
            kind=Kind.INTEGRATION,
            purpose="calls and transcripts are read from the customer's account",
            hosts=("*.gong.io",),
        ),
        Recipient(
            name="hubspot",
            company="HubSpot",
            kind=Kind.INTEGRATION,
            purpose="deals are read from the customer's account",
            hosts=("api.hubapi.com",),
        ),
        Recipient(
            name="slack",
            company="Slack",
            kind=Kind.INTEGRATION,
            purpose="notices, and titles, numbers and themes of reports, are posted in the customer's workspace",
            hosts=("slack.com",),
        ),
        Recipient(
            name="siem",
            company="The customer's own SIEM",
            kind=Kind.INTEGRATION,
            purpose="entries of the customer's audit log are sent to the address that an admin of theirs has set",
            hosts=(),
            own_hosts=True,
        ),
    ]
)

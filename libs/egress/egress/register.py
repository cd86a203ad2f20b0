"""Who data may go to: the sub-processors, and the systems that a customer connects. Nothing goes to anybody who is not in it.

`subprocessors.yaml` beside this module is the one source, read by way of its twin (`core.twins`): the page of sub-processors, its feed and
the banner for admins show it, and a service whose destinations it does not cover does not start. A new sub-processor is in effect 30 days
after it is listed, at the earliest; an entry that says otherwise is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from enum import Enum
from importlib.resources import files
from itertools import pairwise
from typing import Final, Self, TypedDict, cast

from msgspec import Struct

from core.twins import content_of
from egress.destination import Destination, check_pattern, covers
from egress.errors import NotInRegister

NOTICE = timedelta(days=30)

# The day on which the register was published, before the first customer came.
FOUNDED = date(2026, 11, 23)

_FILE, _TWIN = "subprocessors.yaml", "subprocessors.json"
_FIELDS = frozenset({"name", "company", "kind", "purpose", "data", "hosts", "listed_on", "in_effect_from"})


class RegisterFile(TypedDict):
    """What the file holds."""

    data_classes: dict[str, str]
    recipients: list[dict[str, object]]


class Kind(Enum):
    """Why data goes to a company."""

    SUB_PROCESSOR = "sub-processor"
    """We chose it, for all customers; they are told 30 days before."""
    INTEGRATION = "integration"
    """The customer's own account there, connected by an admin of theirs."""


class Recipient(Struct, frozen=True, kw_only=True):
    """One company. `hosts` are exact names, or `*.suffix` for any name below it; `data` names classes of data.

    With `own_hosts` it is the customer who names the host, for their own workspace: there is none here, and none in the settings.
    `listed_on` is the day on which it was published, `in_effect_from` the first on which data may go there. Raises ValueError for a
    sub-processor with less than 30 days between them, unless it is one of those that were there before the first customer (`founding`).
    """

    name: str
    company: str
    kind: Kind
    purpose: str
    hosts: tuple[str, ...]
    listed_on: date
    in_effect_from: date
    data: tuple[str, ...] = ()
    founding: bool = False
    own_hosts: bool = False

    def __post_init__(self) -> None:
        if self.own_hosts and (self.hosts or self.kind is not Kind.INTEGRATION):
            raise ValueError(
                f"{self.name}: only a customer's own integration has hosts that the customer names, and no others"
            )
        for host in self.hosts:
            check_pattern(self.name, host)
        if self.founding and (self.listed_on, self.in_effect_from) != (FOUNDED, FOUNDED):
            raise ValueError(f"{self.name}: only who was listed on {FOUNDED} was there before the first customer")
        if not self.founding and self.in_effect_from < self.listed_on + self.notice:
            first = self.listed_on + self.notice
            raise ValueError(f"{self.name}: listed on {self.listed_on}, so in effect from {first} at the earliest")

    @property
    def notice(self) -> timedelta:
        """How long it is listed before data goes there."""
        return NOTICE if self.kind is Kind.SUB_PROCESSOR else timedelta()

    def in_effect(self, today: date) -> bool:
        """Whether data may go there on `today`, a day in UTC."""
        return self.founding or today >= self.in_effect_from

    def announced(self, today: date) -> bool:
        """Whether customers are being told of it: it is listed, and not in effect yet."""
        return self.kind is Kind.SUB_PROCESSOR and not self.in_effect(today) and today >= self.listed_on


class Register:
    """All recipients, by name, in the order in which they were listed. `data_classes` says what each class of data is."""

    def __init__(self, recipients: Iterable[Recipient], data_classes: Mapping[str, str] | None = None) -> None:
        self._by_name: dict[str, Recipient] = {}
        self.data_classes = dict(data_classes or {})
        for recipient in recipients:
            if recipient.name in self._by_name:
                raise ValueError(f"{recipient.name} is in the register twice")
            self._by_name[recipient.name] = recipient

    def __iter__(self) -> Iterator[Recipient]:
        return iter(self._by_name.values())

    @classmethod
    def read(cls, text: str) -> Self:
        """The register in the text of a file. Raises ValueError naming the entry that is wrong."""
        return cls.of(cast("RegisterFile", _from_yaml(text)))

    @classmethod
    def of(cls, content: RegisterFile) -> Self:
        """The register in what a file holds. Raises ValueError naming the entry that is wrong."""
        classes = content["data_classes"]
        recipients = [_recipient(entry, classes) for entry in content["recipients"]]
        for earlier, later in pairwise(recipients):
            if later.listed_on < earlier.listed_on:
                raise ValueError(f"{later.name}: listed before {earlier.name}, and so it stands before it")
        return cls(recipients, classes)

    def announced(self, today: date) -> list[Recipient]:
        """The sub-processors that are listed and not in effect yet."""
        return [one for one in self if one.announced(today)]

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
            raise NotInRegister(destination.name, f"{recipient.name} is in effect from {recipient.in_effect_from}")
        return recipient


def register_text() -> str:
    """The text of the register that comes with this library."""
    return (files("egress") / _FILE).read_text(encoding="utf-8")


def _recipient(entry: Mapping[str, object], classes: Mapping[str, str]) -> Recipient:
    """One entry of the file."""
    name = str(entry.get("name", "an entry without a name"))
    if missing := sorted(_FIELDS - entry.keys()):
        raise ValueError(f"{name}: {', '.join(missing)} is missing")
    if unknown := sorted(entry.keys() - _FIELDS - {"founding", "own_hosts"}):
        raise ValueError(f"{name}: there is no field {', '.join(unknown)}")
    own_hosts = entry.get("own_hosts") is True
    hosts = () if own_hosts and entry["hosts"] == [] else _texts(name, entry["hosts"])
    data = _texts(name, entry["data"])
    if unknown := sorted(set(data) - classes.keys()):
        raise ValueError(f"{name}: {', '.join(unknown)} is no class of data")
    return Recipient(
        name=name,
        company=str(entry["company"]),
        kind=Kind(entry["kind"]),
        purpose=str(entry["purpose"]),
        hosts=hosts,
        data=data,
        listed_on=_day(name, entry["listed_on"]),
        in_effect_from=_day(name, entry["in_effect_from"]),
        founding=entry.get("founding") is True,
        own_hosts=own_hosts,
    )


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{name}: hosts and data are lists with at least one entry")
    return tuple(str(one) for one in value)


def _day(name: str, value: object) -> date:
    # YAML reads 2026-11-23 as a date, and anything with a time as a datetime, which is a date too; in JSON it is a text.
    if type(value) is date:
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError(f"{name}: listed_on and in_effect_from are days, as 2026-11-23")


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _from_yaml(text: str) -> object:
    import yaml

    return yaml.load(text, Loader=yaml.CSafeLoader)


def _register() -> Register:
    twin = (files("egress") / _TWIN).read_text(encoding="utf-8")
    return Register.of(cast("RegisterFile", content_of(register_text(), twin, _from_yaml)))


REGISTER: Final = _register()

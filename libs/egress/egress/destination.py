"""Where requests may go: destinations, and the register they are looked up in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import httpx

from egress.errors import DestinationRefused

HTTPS_PORT = 443

# A Gong page of 100 extensive calls, or one very long transcript, is a few MB; 32 MiB leaves room and bounds memory.
LARGEST_RESPONSE = 32 * 1024 * 1024


class Address(Protocol):
    """What is judged of an address: the part of `httpx.URL` and `httpx2.URL` that both have."""

    @property
    def scheme(self) -> str: ...
    @property
    def raw_host(self) -> bytes: ...
    @property
    def port(self) -> int | None: ...
    @property
    def userinfo(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One provider and the hosts that are its own.

    `hosts` are exact names, or `*.suffix` for any name below `suffix`; the host of `base_url` is allowed as well, and only
    there may an IP address stand (a sandbox on loopback). Requests use the port of `base_url`, 443 where it has none.
    """

    name: str
    base_url: str
    hosts: tuple[str, ...] = ()
    largest_response: int = LARGEST_RESPONSE

    def __post_init__(self) -> None:
        base = httpx.URL(self.base_url)
        if base.scheme != "https" or not base.host or base.userinfo or base.query or base.fragment:
            raise ValueError(f"destination {self.name}: base_url must be https://host[:port][/path], nothing more")
        for host in self.hosts:
            _check_pattern(self.name, host)

    def address(self, path_or_url: str) -> httpx.URL:
        """`/path` below `base_url`, or a whole https:// address; raises DestinationRefused for any it may not use."""
        text = self.base_url.rstrip("/") + path_or_url if path_or_url.startswith("/") else path_or_url
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise DestinationRefused(self.name, "it is not an address") from error
        self.check(url)
        return url

    def check(self, url: Address) -> None:
        """Raise DestinationRefused unless a request may go to `url`. The very object that is sent must be given."""
        reason = self._objection(url)
        if reason:
            raise DestinationRefused(self.name, reason)

    def _objection(self, url: Address) -> str:
        base = httpx.URL(self.base_url)
        host = url.raw_host.decode("ascii", "replace").lower()
        if url.scheme != "https":
            return "only https is allowed"
        if url.userinfo:
            return "it holds a user name or password"
        if (url.port or HTTPS_PORT) != (base.port or HTTPS_PORT):
            return "it names another port"
        if host == base.raw_host.decode("ascii").lower():
            return ""
        if _is_ip(host):
            return "it is an IP address"
        if not any(_matches(host, allowed) for allowed in self.hosts):
            return "the host is not on this destination's list"
        return ""


class Register(Protocol):
    """Knows which destinations exist. Raises DestinationRefused for a name that does not."""

    def destination(self, name: str) -> Destination:
        """The destination called `name`."""
        ...


class Destinations:
    """A register given as a list."""

    def __init__(self, destinations: Iterable[Destination]) -> None:
        self._by_name: dict[str, Destination] = {}
        for destination in destinations:
            if destination.name in self._by_name:
                raise ValueError(f"destination {destination.name} is given twice")
            self._by_name[destination.name] = destination

    def destination(self, name: str) -> Destination:
        """The destination called `name`; raises DestinationRefused where there is none."""
        found = self._by_name.get(name)
        if found is None:
            raise DestinationRefused(name, "there is no such destination in the register")
        return found


def _matches(host: str, allowed: str) -> bool:
    """Whether `host` is `allowed`, or lies below it where that is `*.suffix`. A trailing dot never matches."""
    if host.endswith(".") or ".." in host:
        return False
    if allowed.startswith("*."):
        return host.endswith(allowed[1:]) and len(host) > len(allowed) - 1
    return host == allowed


def _check_pattern(name: str, host: str) -> None:
    bare = host.removeprefix("*.")
    labels = bare.split(".")
    simple = bare.isascii() and bare == bare.lower() and all(labels) and not set(bare) & set("*/:@ ")
    if not simple or len(labels) < 2 or _is_ip(bare):
        raise ValueError(f"destination {name}: {host} is neither a host name nor *.suffix")


def _is_ip(host: str) -> bool:
    """Whether a resolver would take `host` for an address: dotted, IPv6, or one of the short numeric forms of IPv4."""
    bare = host.strip("[]").rstrip(".")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        last = bare.rsplit(".", 1)[-1]
        return last.isdigit() or last.startswith("0x")
    return True

"""Where requests may go: one destination for each of a provider's servers, and what of a request is judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from egress.addresses import address_in, is_loopback
from egress.dialling import LOCALHOST
from egress.errors import DestinationRefused

if TYPE_CHECKING:
    import httpx

HTTPS_PORT = 443

# A Gong page of 100 extensive calls, or one very long transcript, is a few MB; 32 MiB leaves room and bounds memory.
LARGEST_RESPONSE = 32 * 1024 * 1024

# Letters, digits and hyphens (RFC 1123, 2.1). A URL may hold more, such as an escaped slash, and a suffix alone would let that pass.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")

# Visible ASCII without query, fragment and backslash: what every reader of addresses takes apart alike.
_PLAIN = re.compile(r"https://[^\x00-\x20?#\\\x7f-\U0010ffff]+")


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
    @property
    def netloc(self) -> bytes: ...


class Outgoing(Protocol):
    """What is judged of a request: the part of `httpx.Request` and `httpx2.Request` that both have."""

    @property
    def url(self) -> Address: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def extensions(self) -> Mapping[str, object]: ...


# What the client libraries obey beside the address: another name to check the certificate against, and another target to ask for.
_LEADING_ELSEWHERE = frozenset({"sni_hostname", "target"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One provider and the hosts that are its own.

    `hosts` are exact names, or `*.suffix` for any name below `suffix`; the host of `base_url` is allowed as well, and only
    there may an IP address stand, one of loopback (a sandbox). Requests use the port of `base_url`, 443 where it has none.
    `recipient` is the provider's name in the register, where that is another than `name`.
    """

    name: str
    base_url: str
    hosts: tuple[str, ...] = ()
    largest_response: int = LARGEST_RESPONSE
    recipient: str = ""
    _base: SplitResult = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        base = urlsplit(self.base_url)
        object.__setattr__(self, "_base", base)
        object.__setattr__(self, "recipient", self.recipient or self.name)
        if not _PLAIN.fullmatch(self.base_url) or not base.hostname or base.username is not None:
            raise ValueError(f"destination {self.name}: base_url must be https://host[:port][/path], nothing more")
        if not self.local and _is_ip(self.base_host):
            raise ValueError(f"destination {self.name}: base_url may hold an address of loopback, and no other")
        for host in self.hosts:
            check_pattern(self.name, host)

    @property
    def base_host(self) -> str:
        """The host of `base_url`, in lower case."""
        return self._base.hostname or ""

    @property
    def server(self) -> tuple[str, int]:
        """The host of `base_url`, and the port that requests use."""
        return self.base_host, self._base.port or HTTPS_PORT

    @property
    def local(self) -> bool:
        """Whether `base_url` is on this machine."""
        address = address_in(self.base_host)
        return self.base_host == LOCALHOST or (address is not None and is_loopback(address))

    def address(self, path_or_url: str) -> httpx.URL:
        """`/path` below `base_url`, or a whole https:// address; raises DestinationRefused for any it may not use."""
        import httpx

        text = self.base_url.rstrip("/") + path_or_url if path_or_url.startswith("/") else path_or_url
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise DestinationRefused(self.name, "it is not an address") from error
        self.check(url)
        return url

    def check(self, url: Address) -> None:
        """Raise DestinationRefused unless a request may go to `url`."""
        reason = self._objection(url)
        if reason:
            raise DestinationRefused(self.name, reason)

    def check_request(self, request: Outgoing) -> None:
        """Raise DestinationRefused unless `request` may go to where it leads. The very object that is sent must be given."""
        self.check(request.url)
        if request.headers.get("host", "").lower() != request.url.netloc.decode("ascii").lower():
            raise DestinationRefused(self.name, "its Host header names another host")
        if _LEADING_ELSEWHERE & request.extensions.keys():
            raise DestinationRefused(self.name, "it asks for another name or target than its address")

    def _objection(self, url: Address) -> str:
        host = url.raw_host.decode("ascii", "replace").lower()
        if url.scheme != "https":
            return "only https is allowed"
        if url.userinfo:
            return "it holds a user name or password"
        if (url.port or HTTPS_PORT) != (self._base.port or HTTPS_PORT):
            return "it names another port"
        if host == self.base_host:
            return ""
        if _is_ip(host):
            return "it is an IP address"
        if not _HOST_NAME.fullmatch(host):
            return "its host is not a host name"
        if not any(covers(allowed, host) for allowed in self.hosts):
            return "the host is not on this destination's list"
        return ""


class Destinations:
    """Destinations by name."""

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
            raise DestinationRefused(name, "there is no such destination")
        return found


def covers(allowed: str, host: str) -> bool:
    """Whether `host`, a name or `*.suffix` itself, is `allowed` or lies below it where that is `*.suffix`."""
    if allowed.startswith("*."):
        return host.endswith(allowed[1:]) and len(host) > len(allowed) - 1
    return host == allowed


def check_pattern(name: str, host: str) -> None:
    """Raise ValueError, naming `name`, unless `host` is a host name or `*.suffix`."""
    bare = host.removeprefix("*.")
    labels = bare.split(".")
    simple = bare.isascii() and bare == bare.lower() and all(labels) and not set(bare) & set("*/:@ ")
    if not simple or len(labels) < 2 or _is_ip(bare):
        raise ValueError(f"{name}: {host} is neither a host name nor *.suffix")


def _is_ip(host: str) -> bool:
    """Whether a resolver would take `host` for an address: dotted, IPv6, or one of the short numeric forms of IPv4."""
    bare = host.strip("[]").rstrip(".")
    if address_in(bare):
        return True
    last = bare.rsplit(".", 1)[-1]
    return last.isdigit() or last.startswith("0x")

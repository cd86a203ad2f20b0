"""Which addresses a workspace's log may be sent to. Pure; where the name leads is judged when it is dialled (docs/egress.md)."""

from __future__ import annotations

import re
from typing import Final

from core.errors import InvalidInput

LONGEST: Final = 500

# The ports that collectors behind TLS listen on; anything else would let a request be made to other kinds of servers.
PORTS: Final = frozenset({"", "443", "8088", "8443"})

# Matched as a whole, not taken apart: a parser drops what it does not like, and what is sent would differ. The host has a dot and ends in
# letters, so that it is no address of a machine; the path holds what RFC 3986 lets stand in one.
_ADDRESS = re.compile(
    r"https://(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)"
)


def checked(text: str, sandbox: str = "") -> str:
    """The address that a person gave. Raises InvalidInput, which says what may stand there.

    `sandbox` is the beginning of addresses on this machine that are right all the same, empty in the cloud.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise InvalidInput(f"The address has more than {LONGEST} characters.")
    if sandbox and (text == sandbox or text.startswith(f"{sandbox}/")):
        return text
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InvalidInput(
            "The address must be https://, a host name in small letters, and a path: no user, no query and no IP address."
        )
    if (match["port"] or "") not in PORTS:
        raise InvalidInput("The address's port must be 443, 8088 or 8443.")
    return text


def place(address: str) -> str:
    """What may be told of an address in the audit log: its host, for the path may tell more than everybody there is to know."""
    return "/".join(address.split("/", 3)[:3])

"""Which addresses a provider's name may lead to: ordinary ones of the public internet, and no others.

Listed are the blocks of IANA's registries of special-purpose addresses (RFC 6890 and what came after it), spelled out here because what
`ipaddress` calls private has changed from one Python to the next.
"""

from __future__ import annotations

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NO_IPV4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network, and the unspecified address
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a carrier's customers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, where clouds put their metadata servers
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks of network devices
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# All that is handed out to networks today. Outside of it are loopback, link-local, unique-local and multicast addresses, and those that
# hold an IPv4 address: mapped (::ffff:0:0/96), compatible (::/96) and NAT64 (64:ff9b::/96, 64:ff9b:1::/48).
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")

_NO_IPV6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, which holds an IPv4 address, ORCHID and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def address_in(text: str) -> IPAddress | None:
    """The IP address that `text` is, in its one plain spelling; None for anything else, such as a name or an octal form."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """Whether a provider on the public internet can have `address`. No address with another one inside it is public here."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _NO_IPV4)
    return not address.scope_id and address in _GLOBAL_IPV6 and not any(address in block for block in _NO_IPV6)


def is_loopback(address: IPAddress) -> bool:
    """Whether `address` is this machine itself, and plainly so: not mapped into IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback
    return address == ipaddress.IPv6Address("::1")

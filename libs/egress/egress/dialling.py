"""From a host's name to a connection: looked up once, every address judged, and connected to exactly what was judged.

A name that leads to a public address when it is checked and to a private one when it is used (DNS rebinding) gains nothing, because
there is no second look-up. TLS still goes by the name: it is what the certificate is compared with.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import zip_longest
from typing import TypeVar

from egress.addresses import IPAddress, address_in, is_loopback, is_public

# After this many the provider is taken to be away: two of each family, in turns.
MOST_ADDRESSES = 4

LOCALHOST = "localhost"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up a host's addresses for a port, best first. Raises OSError where there are none."""

Stream = TypeVar("Stream")

Open = Callable[[str, float | None], Awaitable[Stream]]
"""Opens a connection to one address, within so many seconds."""


class AddressRefused(Exception):
    """The name leads to where no request may go. Says so without the name or the address."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The machine's own resolver, asked in a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Dialler:
    """Opens connections. `local` are the hosts that are configured to be on this machine: there, and only there, loopback is right."""

    def __init__(self, resolve: Resolve = resolve, local: Collection[str] = ()) -> None:
        self._resolve = resolve
        self._local = frozenset(local)

    async def connect(
        self,
        host: str,
        port: int,
        timeout: float | None,  # noqa: ASYNC109 - shared out between several addresses
        open_one: Open[Stream],
        failures: tuple[type[Exception], ...],
    ) -> Stream:
        """The first connection that `open_one` makes to an address of `host`; `timeout` in seconds covers look-up and all attempts.

        Raises AddressRefused before anything is sent, OSError or TimeoutError from the look-up, and the last of `failures`.
        """
        ends = None if timeout is None else asyncio.get_running_loop().time() + timeout
        async with asyncio.timeout_at(ends):
            addresses = await self.addresses(host, port)
        last: Exception = OSError("the name has no address")
        for position, address in enumerate(addresses):
            try:
                return await open_one(address, _share(ends, len(addresses) - position))
            except failures as failure:
                last = failure
        raise last

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where a connection to `host` may go, in the order to try. Raises AddressRefused if it leads anywhere else as well."""
        plain = address_in(host)
        texts = [host] if plain else await self._resolve(host, port)
        found = [address_in(text) for text in texts]
        right = is_loopback if host in self._local else is_public
        if not all(address and right(address) for address in found):
            raise AddressRefused("its name leads to an address that is not public")
        return [str(address) for address in _in_turns([one for one in found if one])][:MOST_ADDRESSES]


def _in_turns(addresses: Sequence[IPAddress]) -> list[IPAddress]:
    """Families in turns, the resolver's first choice first (RFC 8305, 4): when all of one family is away, the other one comes soon."""
    if not addresses:
        return []
    first = [one for one in addresses if one.version == addresses[0].version]
    other = [one for one in addresses if one.version != addresses[0].version]
    return [one for pair in zip_longest(first, other) for one in pair if one]


def _share(ends: float | None, left: int) -> float | None:
    """This attempt's part of the seconds that remain for all."""
    return None if ends is None else max(0.001, ends - asyncio.get_running_loop().time()) / left

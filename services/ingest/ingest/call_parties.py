"""Who took part in a call, by address: all that a search for a person reads of what is kept."""

from __future__ import annotations

import zlib

import msgspec

from core.errors import Permanent


class _Side(msgspec.Struct):
    email: str | None = None


class _Sides(msgspec.Struct):
    parties: tuple[_Side, ...] = ()
    owner: _Side | None = None


_read = msgspec.json.Decoder(_Sides).decode


def folded(address: str) -> str:
    """An address as it is compared: however it is written, in upper or lower case."""
    return address.strip().casefold()


def took_part(described: bytes, address: str) -> bool:
    """Whether a call, as it is described in its object or in its metadata, was with `address`, which is folded.

    Raises Permanent for what describes no call.
    """
    try:
        sides = _read(described)
    except msgspec.DecodeError as error:
        raise Permanent("the stored call cannot be read: it is not the JSON that was written") from error
    known = [*sides.parties, *([sides.owner] if sides.owner else [])]
    return any(one.email is not None and folded(one.email) == address for one in known)


def took_part_packed(metadata: bytes, address: str) -> bool:
    """The same of metadata that is packed. Raises Permanent."""
    try:
        return took_part(zlib.decompress(metadata), address)
    except zlib.error as error:
        raise Permanent("the noted metadata of a call cannot be unpacked") from error

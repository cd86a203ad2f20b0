"""Counts by key, over all workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from database import Tx

# The one message that carries something sealed.
_SEALED: Final = "callmine.credentials.v1.CredentialGranted"


async def data_keys(tx: Tx) -> dict[int, tuple[int, int]]:
    """By key: how many data keys it wraps, and how many fields these encrypt."""
    return {row["key_id"]: (row["data_keys"], row["fields"]) for row in await tx.fetch("census_data_keys")}


async def backups(tx: Tx) -> dict[int, int]:
    """By key: how many backups that have not expired need it."""
    return {row["key_id"]: row["backups"] for row in await tx.fetch("census_backups")}


async def messages(tx: Tx, prefixes: Mapping[int, bytes]) -> dict[int, int]:
    """By key: how many messages that wait or are parked hold a ciphertext that begins as its ciphertexts do."""
    rows = await tx.fetch("census_messages", key_ids=list(prefixes), prefixes=list(prefixes.values()))
    return {row["key_id"]: row["messages"] for row in rows}


async def sealed(tx: Tx) -> list[tuple[bytes, dict[str, str]]]:
    """Body and attributes of each sealed credential that waits to be published or is parked."""
    return [(row["body"], row["attributes"]) for row in await tx.fetch("census_sealed", type=_SEALED)]

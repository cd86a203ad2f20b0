"""The secret that signs what Callmine sends to a customer's own endpoint: Standard Webhooks' symmetric scheme. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# Standard Webhooks, "Signature scheme": between 24 and 64 bytes from a random source, as base64 behind this prefix.
SECRET_BYTES: Final = 32
PREFIX: Final = "whsec_"

# After a change both secrets sign for so long: the customer replaces theirs at any moment of it.
OVERLAP_SECONDS: Final = 86_400.0


def secret_of(material: bytes) -> str:
    """The secret as it is shown, once, to the admin who had it made."""
    return PREFIX + base64.b64encode(material).decode()


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """What to sign with, the newest first; the repr shows none."""

    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def stored(cls, fields: Mapping[str, str], age_seconds: float) -> SigningSecrets:
        """What a row's fields are good for, `age_seconds` after its version was made: the one before counts for a day.

        The first secret of a workspace has none before it, and stands in both fields.
        """
        current, previous = fields["access_key"], fields["secret"]
        both = current != previous and age_seconds < OVERLAP_SECONDS
        return cls((current, previous) if both else (current,))

    def grant(self) -> bytes:
        """What the requester finds when it opens its grant."""
        return json.dumps({"kind": "signing", "secrets": self.secrets}, separators=(",", ":")).encode()

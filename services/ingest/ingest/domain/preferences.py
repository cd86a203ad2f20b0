"""What a workspace's admins choose for all of it. A new preference is a field here, a column, a field of the message, a box on the page."""

from __future__ import annotations

from msgspec import Struct


class Preferences(Struct, frozen=True):
    """The choices, each at its default."""

    mask_personal_data: bool = True
    other_provider_fallback: bool = False


class Chosen(Struct, frozen=True):
    """What is saved together: the IANA name of a timezone, and the preferences."""

    timezone: str
    preferences: Preferences


PREFERENCES = Preferences.__struct_fields__
